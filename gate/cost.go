package gate

import "runtime"

// bytesOfOne is how many bytes of grants cost as much as a token has without any: a usual
// token has fewer.
const bytesOfOne = 4096

// cost is how many of CacheSize a token takes, so that this bounds the memory of all: 1, and
// 1 more for each 4 KB of grants. At a tenth it ends, lest a small cache has no place for a
// large token, which would then be read from the store and compiled for each request.
func (r *Resolver) cost(k *Known) int64 {
	return min(1+int64(k.size()/bytesOfOne), max(1, r.config.CacheSize/10))
}

// weigh notes in the cache what a token costs whose grants were compiled, as it can't be told
// before. If it was read anew meanwhile, this is for the one that was read.
func (r *Resolver) weigh(k *Known) {
	if cost := r.cost(k); cost > 1 && r.cached(&k.digest) == k {
		r.cache.Set(cacheKey(&k.digest), k, cost)
	}
	runtime.KeepAlive(r) // a Set after Close panics
}
