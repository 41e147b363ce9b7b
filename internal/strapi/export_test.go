package strapi

import "time"

// Explain is explain.
var Explain = explain

// InZone is when a clock in the zone showed the time.
func InZone(clock time.Time, zone *time.Location) time.Time { return wallClock(clock).in(zone) }
