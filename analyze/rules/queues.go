package rules

// queues are the clients of message queues.
var queues = []Rule{}
