package rules

// caches are the clients of caches.
var caches = []Rule{}
