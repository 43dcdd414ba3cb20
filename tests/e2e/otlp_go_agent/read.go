package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// read decodes files as the Collector's otlpjsonfile receiver does, and those of its file exporter in format proto.
func read(signal string, paths []string) ([]any, error) {
	decode, known := map[string]func([]byte, bool) ([]any, error){
		"traces": readSpans, "logs": readLogs, "metrics": readPoints,
	}[signal]
	if !known {
		return nil, fmt.Errorf("unknown signal %q", signal)
	}
	items := []any{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		isJSON := strings.HasSuffix(path, ".ndjson")
		err = eachRequest(content, isJSON, func(request []byte) error {
			decoded, err := decode(request, isJSON)
			items = append(items, decoded...)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return items, nil
}

func eachRequest(content []byte, isJSON bool, visit func([]byte) error) error {
	reader := bufio.NewReader(bytes.NewReader(content))
	for {
		var request []byte
		var err error
		if isJSON {
			request, err = reader.ReadBytes('\n')
		} else {
			var length uint32
			if err = binary.Read(reader, binary.BigEndian, &length); err == nil {
				request = make([]byte, length)
				_, err = io.ReadFull(reader, request)
			}
		}
		if err == io.EOF && len(request) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(request); err != nil {
			return err
		}
	}
}

func readSpans(request []byte, isJSON bool) ([]any, error) {
	var unmarshaler ptrace.Unmarshaler = &ptrace.ProtoUnmarshaler{}
	if isJSON {
		unmarshaler = &ptrace.JSONUnmarshaler{}
	}
	traces, err := unmarshaler.UnmarshalTraces(request)
	if err != nil {
		return nil, err
	}
	var items []any
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				item := spanItem{
					TraceID: span.TraceID().String(), SpanID: span.SpanID().String(), ParentID: span.ParentSpanID().String(),
					Name: span.Name(), Kind: int(span.Kind()), Start: stamp(span.StartTimestamp()), End: stamp(span.EndTimestamp()),
					Attributes: mapOf(span.Attributes()), Events: []eventItem{}, Links: [][2]string{}, Status: int(span.Status().Code()),
				}
				for _, event := range span.Events().All() {
					item.Events = append(item.Events, eventItem{event.Name(), stamp(event.Timestamp()), mapOf(event.Attributes())})
				}
				for _, link := range span.Links().All() {
					item.Links = append(item.Links, [2]string{link.TraceID().String(), link.SpanID().String()})
				}
				items = append(items, item)
			}
		}
	}
	return items, nil
}

func readLogs(request []byte, isJSON bool) ([]any, error) {
	var unmarshaler plog.Unmarshaler = &plog.ProtoUnmarshaler{}
	if isJSON {
		unmarshaler = &plog.JSONUnmarshaler{}
	}
	logs, err := unmarshaler.UnmarshalLogs(request)
	if err != nil {
		return nil, err
	}
	var items []any
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				items = append(items, logItem{
					Time: stamp(record.Timestamp()), Observed: stamp(record.ObservedTimestamp()),
					Severity: int(record.SeverityNumber()), SeverityText: record.SeverityText(), Body: valueOf(record.Body()),
					Attributes: mapOf(record.Attributes()), TraceID: record.TraceID().String(), SpanID: record.SpanID().String(),
				})
			}
		}
	}
	return items, nil
}

func readPoints(request []byte, isJSON bool) ([]any, error) {
	var unmarshaler pmetric.Unmarshaler = &pmetric.ProtoUnmarshaler{}
	if isJSON {
		unmarshaler = &pmetric.JSONUnmarshaler{}
	}
	metrics, err := unmarshaler.UnmarshalMetrics(request)
	if err != nil {
		return nil, err
	}
	var items []any
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				points, err := pointsOf(metric)
				if err != nil {
					return nil, err
				}
				items = append(items, points...)
			}
		}
	}
	return items, nil
}

func pointsOf(metric pmetric.Metric) ([]any, error) {
	point := func(start, end pcommon.Timestamp, attributes pcommon.Map) pointItem {
		return pointItem{Name: metric.Name(), Start: stamp(start), Time: stamp(end), Attributes: mapOf(attributes)}
	}
	var items []any
	numbers := func(points pmetric.NumberDataPointSlice) {
		for _, p := range points.All() {
			item := point(p.StartTimestamp(), p.Timestamp(), p.Attributes())
			item.Value = p.DoubleValue()
			if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
				item.Value = integer(p.IntValue())
			}
			items = append(items, item)
		}
	}
	switch metric.Type() {
	case pmetric.MetricTypeSum:
		numbers(metric.Sum().DataPoints())
	case pmetric.MetricTypeGauge:
		numbers(metric.Gauge().DataPoints())
	case pmetric.MetricTypeHistogram:
		for _, p := range metric.Histogram().DataPoints().All() {
			item := point(p.StartTimestamp(), p.Timestamp(), p.Attributes())
			item.Count, item.Sum, item.Min, item.Max = to(p.Count()), to(p.Sum()), to(p.Min()), to(p.Max())
			item.Buckets, item.Bounds = p.BucketCounts().AsRaw(), p.ExplicitBounds().AsRaw()
			items = append(items, item)
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range metric.ExponentialHistogram().DataPoints().All() {
			item := point(p.StartTimestamp(), p.Timestamp(), p.Attributes())
			item.Count, item.Sum, item.Min, item.Max = to(p.Count()), to(p.Sum()), to(p.Min()), to(p.Max())
			item.Buckets, item.Scale = p.Positive().BucketCounts().AsRaw(), to(p.Scale())
			items = append(items, item)
		}
	default:
		return nil, fmt.Errorf("metric %s is a %s", metric.Name(), metric.Type())
	}
	return items, nil
}

func to[Value any](value Value) *Value {
	return &value
}

func stamp(t pcommon.Timestamp) string {
	return strconv.FormatUint(uint64(t), 10)
}

func mapOf(attributes pcommon.Map) map[string]any {
	object := map[string]any{}
	for key, value := range attributes.All() {
		object[key] = valueOf(value)
	}
	return object
}

func valueOf(value pcommon.Value) any {
	switch value.Type() {
	case pcommon.ValueTypeInt:
		return integer(value.Int())
	case pcommon.ValueTypeSlice:
		list := []any{}
		for _, inner := range value.Slice().All() {
			list = append(list, valueOf(inner))
		}
		return list
	case pcommon.ValueTypeMap:
		return mapOf(value.Map())
	}
	return value.AsRaw()
}
