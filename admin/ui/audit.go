package ui

// auditRoutes are the audit trail.
var auditRoutes = []route{}
