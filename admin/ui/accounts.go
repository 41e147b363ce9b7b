package ui

// accountRoutes are accounts.
var accountRoutes = []route{}
