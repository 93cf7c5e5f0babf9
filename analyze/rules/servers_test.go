package rules

var serverCases = []tableCase{}
