package bounded

var ProfileCost = profileCost
