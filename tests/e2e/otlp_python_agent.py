"""Exports with the OpenTelemetry SDK for Python and its default settings; prints every item that was exported, as JSON.

Usage: otlp_python_agent.py SIGNAL COUNT
"""
import json
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

LARGE = 2**62
LARGEST_EXACT = 2**53 - 1


def plain(value):
    """Of integers that a reader of JSON would round, the digits; of lists and maps, the same within."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and abs(value) > LARGEST_EXACT:
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if hasattr(value, "items"):
        return {key: plain(inner) for key, inner in sorted(value.items())}
    return value


def hexadecimal(number, digits):
    return f"{number:0{digits}x}" if number else ""


class Watched:
    """An exporter that notes what it is given."""

    def __init__(self, exporter, items_of):
        self.exporter = exporter
        self.items_of = items_of
        self.items = []

    def export(self, batch, *args, **options):
        self.items += self.items_of(batch)
        return self.exporter.export(batch, *args, **options)

    def __getattr__(self, name):
        return getattr(self.exporter, name)


def span_items(spans):
    return [
        {
            "traceId": hexadecimal(span.context.trace_id, 32),
            "spanId": hexadecimal(span.context.span_id, 16),
            "parentSpanId": hexadecimal(span.parent.span_id, 16) if span.parent else "",
            "name": span.name,
            "kind": span.kind.value + 1,
            "start": str(span.start_time),
            "end": str(span.end_time),
            "attributes": plain(span.attributes),
            "events": [
                {"name": event.name, "time": str(event.timestamp), "attributes": plain(event.attributes)}
                for event in span.events
            ],
            "links": [
                [hexadecimal(link.context.trace_id, 32), hexadecimal(link.context.span_id, 16)] for link in span.links
            ],
            "status": span.status.status_code.value,
        }
        for span in spans
    ]


def export_spans(count):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = Watched(OTLPSpanExporter(), span_items)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=count))
    tracer = provider.get_tracer("python-agent")
    parent = tracer.start_span("root", kind=SpanKind.SERVER)
    context = trace.set_span_in_context(parent)
    for n in range(1, count):
        attributes = {
            "n": n, "large": LARGE + n, "small": -LARGE - n, "ratio": n + 0.5,
            "text": "grüße 🚀", "flag": n % 2 == 0, "list": ["a", "b"],
        }
        links = [Link(parent.get_span_context())]
        span = tracer.start_span(f"work {n} ü", context, list(SpanKind)[n % 5], attributes, links)
        span.add_event("event", {"n": n})
        if n % 7 == 0:
            span.set_status(Status(StatusCode.ERROR, "no"))
        span.end()
    parent.end()
    provider.shutdown()
    return exporter.items


def log_items(batch):
    return [
        {
            "time": str(record.timestamp),
            "observed": str(record.observed_timestamp),
            "severity": record.severity_number.value,
            "severityText": record.severity_text,
            "body": plain(record.body),
            "attributes": plain(record.attributes),
            "traceId": hexadecimal(record.trace_id, 32),
            "spanId": hexadecimal(record.span_id, 16),
        }
        for record in (data.log_record for data in batch)
    ]


def export_logs(count):
    from opentelemetry._logs import SeverityNumber
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    exporter = Watched(OTLPLogExporter(), log_items)
    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_queue_size=count))
    logger = provider.get_logger("python-agent")
    tracer = TracerProvider().get_tracer("python-agent")
    traced = trace.set_span_in_context(tracer.start_span("span"))
    start = 1_768_464_000_123_456_789
    for n in range(count):
        logger.emit(
            timestamp=start + n,
            observed_timestamp=start + 1_000_000_000 * n,
            severity_number=SeverityNumber(1 + n % 24),
            severity_text="LEVEL",
            body={"n": n, "nested": {"list": [1, "zwei"]}} if n % 3 == 0 else f"message {n} ✓",
            attributes={"large": LARGE + n, "ratio": n / 8 + 0.125, "text": 'quote " and \\ and \n'},
            context=traced if n % 2 == 0 else None,
        )
    provider.shutdown()
    return exporter.items


def point_items(metrics_data):
    items = []
    for resource in metrics_data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                items += [point_item(metric.name, point) for point in metric.data.data_points]
    return items


def point_item(name, point):
    item = {
        "name": name,
        "start": str(point.start_time_unix_nano),
        "time": str(point.time_unix_nano),
        "attributes": plain(point.attributes),
    }
    if hasattr(point, "value"):
        return {**item, "value": plain(point.value)}
    item |= {"count": point.count, "sum": point.sum, "min": point.min, "max": point.max}
    if hasattr(point, "bucket_counts"):
        return {**item, "buckets": list(point.bucket_counts), "bounds": list(point.explicit_bounds)}
    return {**item, "buckets": list(point.positive.bucket_counts), "scale": point.scale}


def export_metrics(count):
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

    exporter = Watched(OTLPMetricExporter(), point_items)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    views = [View(instrument_name="sizes", aggregation=ExponentialBucketHistogramAggregation())]
    provider = MeterProvider(metric_readers=[reader], views=views)
    meter = provider.get_meter("python-agent")
    counter = meter.create_counter("requests")
    temperature = meter.create_up_down_counter("temperature")
    durations = meter.create_histogram("durations", explicit_bucket_boundaries_advisory=[1.0, 10.0, 100.0])
    sizes = meter.create_histogram("sizes")
    for n in range(count):
        attributes = {"n": n, "path": f"/ä/{n}"}
        counter.add(LARGE + n, attributes)
        temperature.add(-n - 0.25, attributes)
        durations.record(n + 0.5, attributes)
        sizes.record(n + 1.0, attributes)
        sizes.record(3 * n + 2.5, attributes)
    provider.shutdown()
    return exporter.items


if __name__ == "__main__":
    exports = {"traces": export_spans, "logs": export_logs, "metrics": export_metrics}
    json.dump(exports[sys.argv[1]](int(sys.argv[2])), sys.stdout)
