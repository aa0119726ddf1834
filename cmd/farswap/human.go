package main

import (
	"time"

	"github.com/farswap/farswap/internal/human"
)

func humanBytes(n int64) string       { return human.Bytes(n) }
func humanNanos(n int64) string       { return human.Nanos(n) }
func humanAge(d time.Duration) string { return human.Age(d) }
