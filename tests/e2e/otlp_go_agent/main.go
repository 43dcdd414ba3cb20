// A program that is instrumented with the OpenTelemetry SDK for Go, and reads what was kept of that with the Collector's
// own decoders.
//
//	otlp_go_agent export SIGNAL COUNT   exports to where OTEL_EXPORTER_OTLP_ENDPOINT says; prints every item, as JSON
//	otlp_go_agent read SIGNAL FILE...   prints every item in files of requests, as JSON
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: see the head of main.go")
	}
	var items []any
	var err error
	switch args[0] {
	case "export":
		var count int
		if count, err = strconv.Atoi(args[2]); err != nil {
			return err
		}
		items, err = export(ctx, args[1], count)
	case "read":
		items, err = read(args[1], args[2:])
	default:
		err = fmt.Errorf("unknown command %q", args[0])
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(items)
}
