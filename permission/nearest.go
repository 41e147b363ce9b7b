package permission

// nearest returns the candidate that is the fewest edits away from s, or "" if
// none is near enough to be what was meant.
func nearest(s string, candidates []string) string {
	best, distance := "", len(s)/3+1
	for _, c := range candidates {
		if len(s)-len(c) > distance || len(c)-len(s) > distance {
			continue // at least so many edits; the work stays small for a long s
		}
		if d := editDistance(s, c); d <= distance && (best == "" || d < distance) {
			best, distance = c, d
		}
	}
	return best
}

// editDistance is the Levenshtein distance in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
