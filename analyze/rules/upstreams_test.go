package rules

var upstreamCases = []tableCase{}
