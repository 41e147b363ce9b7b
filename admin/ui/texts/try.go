package texts

var tryIt = map[string]string{}
