package rules

var cacheCases = []tableCase{}
