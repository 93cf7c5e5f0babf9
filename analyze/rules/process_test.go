package rules

var processCases = []tableCase{}
