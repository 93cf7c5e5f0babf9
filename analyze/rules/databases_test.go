package rules

var databaseCases = []tableCase{}
