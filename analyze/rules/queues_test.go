package rules

var queueCases = []tableCase{}
