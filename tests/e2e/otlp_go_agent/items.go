package main

import (
	"encoding/hex"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// The forms in which what was exported, and what was read, is compared; their fields are in the order of the tests' own.

type spanItem struct {
	TraceID    string         `json:"traceId"`
	SpanID     string         `json:"spanId"`
	ParentID   string         `json:"parentSpanId"`
	Name       string         `json:"name"`
	Kind       int            `json:"kind"`
	Start      string         `json:"start"`
	End        string         `json:"end"`
	Attributes map[string]any `json:"attributes"`
	Events     []eventItem    `json:"events"`
	Links      [][2]string    `json:"links"`
	Status     int            `json:"status"`
}

type eventItem struct {
	Name       string         `json:"name"`
	Time       string         `json:"time"`
	Attributes map[string]any `json:"attributes"`
}

type logItem struct {
	Time         string         `json:"time"`
	Observed     string         `json:"observed"`
	Severity     int            `json:"severity"`
	SeverityText string         `json:"severityText"`
	Body         any            `json:"body"`
	Attributes   map[string]any `json:"attributes"`
	TraceID      string         `json:"traceId"`
	SpanID       string         `json:"spanId"`
}

type pointItem struct {
	Name       string         `json:"name"`
	Start      string         `json:"start"`
	Time       string         `json:"time"`
	Attributes map[string]any `json:"attributes"`
	Value      any            `json:"value,omitempty"`
	Count      *uint64        `json:"count,omitempty"`
	Sum        *float64       `json:"sum,omitempty"`
	Min        *float64       `json:"min,omitempty"`
	Max        *float64       `json:"max,omitempty"`
	Buckets    []uint64       `json:"buckets,omitempty"`
	Bounds     []float64      `json:"bounds,omitempty"`
	Scale      *int32         `json:"scale,omitempty"`
}

func nanos(t time.Time) string {
	return strconv.FormatInt(t.UnixNano(), 10)
}

func attributesOf(list []attribute.KeyValue) map[string]any {
	attributes := map[string]any{}
	for _, entry := range list {
		attributes[string(entry.Key)] = attributeValue(entry.Value)
	}
	return attributes
}

func attributeValue(value attribute.Value) any {
	switch value.Type() {
	case attribute.INT64:
		return integer(value.AsInt64())
	case attribute.MAP:
		return attributesOf(value.AsMap())
	case attribute.SLICE:
		list := []any{}
		for _, inner := range value.AsSlice() {
			list = append(list, attributeValue(inner))
		}
		return list
	}
	return value.AsInterface()
}

// integer keeps the digits of those that a reader of JSON would round.
func integer(number int64) any {
	const largest = 1<<53 - 1
	if number > largest || number < -largest {
		return strconv.FormatInt(number, 10)
	}
	return number
}

// id is empty where there is none, as it is not sent then.
func id(bytes []byte) string {
	for _, b := range bytes {
		if b != 0 {
			return hex.EncodeToString(bytes)
		}
	}
	return ""
}
