package main

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// large is more than a number of JSON may have without being rounded.
const large = 1 << 62

func export(ctx context.Context, signal string, count int) ([]any, error) {
	switch signal {
	case "traces":
		return exportSpans(ctx, count)
	case "logs":
		return exportLogs(ctx, count)
	case "metrics":
		return exportMetrics(ctx, count)
	}
	return nil, fmt.Errorf("unknown signal %q", signal)
}

// watchedSpans notes what its exporter is given.
type watchedSpans struct {
	sdktrace.SpanExporter
	items []any
}

func (w *watchedSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, span := range spans {
		traceID, spanID := span.SpanContext().TraceID(), span.SpanContext().SpanID()
		parent := span.Parent().SpanID()
		item := spanItem{
			TraceID: id(traceID[:]), SpanID: id(spanID[:]), ParentID: id(parent[:]), Name: span.Name(),
			Kind: int(span.SpanKind()), Start: nanos(span.StartTime()), End: nanos(span.EndTime()),
			Attributes: attributesOf(span.Attributes()), Events: []eventItem{}, Links: [][2]string{},
		}
		for _, event := range span.Events() {
			item.Events = append(item.Events, eventItem{event.Name, nanos(event.Time), attributesOf(event.Attributes)})
		}
		for _, link := range span.Links() {
			traceID, spanID := link.SpanContext.TraceID(), link.SpanContext.SpanID()
			item.Links = append(item.Links, [2]string{id(traceID[:]), id(spanID[:])})
		}
		// The SDK counts codes otherwise than OTLP does.
		item.Status = map[codes.Code]int{codes.Unset: 0, codes.Ok: 1, codes.Error: 2}[span.Status().Code]
		w.items = append(w.items, item)
	}
	return w.SpanExporter.ExportSpans(ctx, spans)
}

func exportSpans(ctx context.Context, count int) ([]any, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	watched := &watchedSpans{SpanExporter: exporter}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(watched, sdktrace.WithMaxQueueSize(count)))
	tracer := provider.Tracer("go-agent", trace.WithInstrumentationVersion("1.2.3"))
	root, parent := tracer.Start(ctx, "root", trace.WithSpanKind(trace.SpanKindServer))
	for n := 1; n < count; n++ {
		_, span := tracer.Start(root, fmt.Sprintf("GET /%d ü", n),
			trace.WithSpanKind(trace.SpanKind(1+n%5)),
			trace.WithLinks(trace.Link{SpanContext: parent.SpanContext()}),
			trace.WithAttributes(
				attribute.Int("n", n), attribute.Int64("large", large+int64(n)), attribute.Int64("small", -large-int64(n)),
				attribute.Float64("ratio", float64(n)+0.5), attribute.String("text", "grüße 🚀 <&>"),
				attribute.Bool("flag", n%2 == 0), attribute.StringSlice("list", []string{"a", "b"}),
			))
		span.AddEvent("event", trace.WithAttributes(attribute.Int("n", n)))
		if n%7 == 0 {
			span.SetStatus(codes.Error, "no")
		} else if n%5 == 0 {
			span.SetStatus(codes.Ok, "")
		}
		span.End()
	}
	parent.End()
	if err := provider.Shutdown(ctx); err != nil {
		return nil, err
	}
	return watched.items, nil
}

// watchedLogs notes what its exporter is given.
type watchedLogs struct {
	sdklog.Exporter
	items []any
}

func (w *watchedLogs) Export(ctx context.Context, records []sdklog.Record) error {
	for _, record := range records {
		traceID, spanID := record.TraceID(), record.SpanID()
		var attributes []attribute.KeyValue
		record.WalkAttributes(func(entry attribute.KeyValue) bool {
			attributes = append(attributes, entry)
			return true
		})
		w.items = append(w.items, logItem{
			Time: nanos(record.Timestamp()), Observed: nanos(record.ObservedTimestamp()),
			Severity: int(record.Severity()), SeverityText: record.SeverityText(), Body: attributeValue(record.Body()),
			Attributes: attributesOf(attributes), TraceID: id(traceID[:]), SpanID: id(spanID[:]),
		})
	}
	return w.Exporter.Export(ctx, records)
}

func exportLogs(ctx context.Context, count int) ([]any, error) {
	exporter, err := otlploghttp.New(ctx)
	if err != nil {
		return nil, err
	}
	watched := &watchedLogs{Exporter: exporter}
	processor := sdklog.NewBatchProcessor(watched, sdklog.WithMaxQueueSize(count))
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(processor))
	logger := provider.Logger("go-agent")
	traced := trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{10, 247, 101, 25, 22, 205, 67, 221, 132, 72, 235, 33, 28, 128, 49, 156},
		SpanID:  trace.SpanID{183, 173, 107, 113, 105, 32, 51, 49}, TraceFlags: trace.FlagsSampled,
	}))
	start := time.Unix(1_768_464_000, 123_456_789)
	for n := 0; n < count; n++ {
		var record log.Record
		record.SetTimestamp(start.Add(time.Duration(n)))
		record.SetObservedTimestamp(start.Add(time.Duration(n) * time.Second))
		record.SetSeverity(log.Severity(1 + n%24))
		record.SetSeverityText("LEVEL")
		record.SetBody(attribute.StringValue(fmt.Sprintf("message %d ✓", n)))
		if n%3 == 0 {
			list := attribute.SliceValue(attribute.Int64Value(1), attribute.StringValue("zwei"))
			record.SetBody(attribute.MapValue(attribute.Int("n", n), attribute.KeyValue{Key: "nested", Value: list}))
		}
		record.AddAttributes(attribute.Int64("large", large+int64(n)), attribute.Float64("ratio", float64(n)+0.125),
			attribute.String("text", "quote \" and \\ and \n"))
		if n%2 == 0 {
			logger.Emit(traced, record)
		} else {
			logger.Emit(ctx, record)
		}
	}
	if err := provider.Shutdown(ctx); err != nil {
		return nil, err
	}
	return watched.items, nil
}

// watchedMetrics notes what its exporter is given.
type watchedMetrics struct {
	sdkmetric.Exporter
	items []any
}

func (w *watchedMetrics) Export(ctx context.Context, metrics *metricdata.ResourceMetrics) error {
	for _, scope := range metrics.ScopeMetrics {
		for _, metric := range scope.Metrics {
			w.note(metric)
		}
	}
	return w.Exporter.Export(ctx, metrics)
}

func (w *watchedMetrics) note(metric metricdata.Metrics) {
	point := func(start, end time.Time, attributes attribute.Set) pointItem {
		return pointItem{
			Name: metric.Name, Start: nanos(start), Time: nanos(end), Attributes: attributesOf(attributes.ToSlice()),
		}
	}
	switch data := metric.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			item := point(p.StartTime, p.Time, p.Attributes)
			item.Value = integer(p.Value)
			w.items = append(w.items, item)
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			item := point(p.StartTime, p.Time, p.Attributes)
			item.Value = p.Value
			w.items = append(w.items, item)
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			item := point(p.StartTime, p.Time, p.Attributes)
			item.Count, item.Sum, item.Buckets, item.Bounds = &p.Count, &p.Sum, p.BucketCounts, p.Bounds
			item.Min, item.Max = extremum(p.Min), extremum(p.Max)
			w.items = append(w.items, item)
		}
	case metricdata.ExponentialHistogram[float64]:
		for _, p := range data.DataPoints {
			item := point(p.StartTime, p.Time, p.Attributes)
			item.Count, item.Sum, item.Buckets, item.Scale = &p.Count, &p.Sum, p.PositiveBucket.Counts, &p.Scale
			item.Min, item.Max = extremum(p.Min), extremum(p.Max)
			w.items = append(w.items, item)
		}
	default:
		panic(fmt.Sprintf("metric %s is a %T", metric.Name, data))
	}
}

func extremum(e metricdata.Extrema[float64]) *float64 {
	value, defined := e.Value()
	if !defined {
		return nil
	}
	return &value
}

func exportMetrics(ctx context.Context, count int) ([]any, error) {
	exporter, err := otlpmetrichttp.New(ctx)
	if err != nil {
		return nil, err
	}
	watched := &watchedMetrics{Exporter: exporter}
	sizes := sdkmetric.NewView(sdkmetric.Instrument{Name: "sizes"}, sdkmetric.Stream{
		Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20},
	})
	reader := sdkmetric.NewPeriodicReader(watched, sdkmetric.WithInterval(time.Hour))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(sizes),
		sdkmetric.WithCardinalityLimit(count+1))
	if err := record(ctx, provider.Meter("go-agent"), count); err != nil {
		return nil, err
	}
	// One collection: an item is noted each time that it is exported.
	if err := provider.Shutdown(ctx); err != nil {
		return nil, err
	}
	return watched.items, nil
}

func record(ctx context.Context, meter metric.Meter, count int) error {
	requests, err := meter.Int64Counter("requests")
	if err != nil {
		return err
	}
	temperature, err := meter.Float64Gauge("temperature")
	if err != nil {
		return err
	}
	durations, err := meter.Float64Histogram("durations", metric.WithExplicitBucketBoundaries(1, 10, 100))
	if err != nil {
		return err
	}
	sizes, err := meter.Float64Histogram("sizes")
	if err != nil {
		return err
	}
	for n := 0; n < count; n++ {
		series := metric.WithAttributes(attribute.Int("n", n), attribute.String("path", fmt.Sprintf("/ä/%d", n)))
		requests.Add(ctx, large+int64(n), series)
		temperature.Record(ctx, -float64(n)-0.25, series)
		durations.Record(ctx, float64(n)+0.5, series)
		sizes.Record(ctx, float64(n)+1, series)
		sizes.Record(ctx, float64(3*n)+2.5, series)
	}
	return nil
}
