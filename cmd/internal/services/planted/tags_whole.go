//go:build whole

package main

func init() { tags = []string{"-tags=whole"} }
