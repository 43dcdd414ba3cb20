"""Exports spans with the OpenTelemetry SDK for Python and its default settings; prints their ids, as JSON."""
import json
import sys

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=10_000))
tracer = provider.get_tracer("python-agent")
sent = []
for n in range(2_000):
    with tracer.start_as_current_span(f"work {n}", attributes={"n": 2**62 + n, "text": "grüße 🚀"}) as span:
        context = span.get_span_context()
        sent.append([f"{context.trace_id:032x}", f"{context.span_id:016x}", f"work {n}", str(2**62 + n)])
provider.shutdown()
json.dump(sent, sys.stdout)
