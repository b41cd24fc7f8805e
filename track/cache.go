package track

// cache is a bounded map. An entry that is not put again while the cache fills up once is dropped.
type cache[K comparable, V any] struct {
	limit      int // weight of each of the two generations
	weight     int // weight of young
	young, old map[K]cached[V]
}

type cached[V any] struct {
	value  V
	weight int
}

func newCache[K comparable, V any](limit int) cache[K, V] {
	return cache[K, V]{limit: limit, young: map[K]cached[V]{}}
}

func (c *cache[K, V]) get(k K) (V, bool) {
	if found, ok := c.young[k]; ok {
		return found.value, true
	}
	found, ok := c.old[k]
	return found.value, ok
}

func (c *cache[K, V]) put(k K, v V, weight int) {
	c.weight += weight - c.young[k].weight
	c.young[k] = cached[V]{v, weight}
	if c.weight > c.limit {
		c.weight, c.young, c.old = 0, map[K]cached[V]{}, c.young
	}
}

func (c *cache[K, V]) remove(k K) {
	c.weight -= c.young[k].weight
	delete(c.young, k)
	delete(c.old, k)
}

// each visits every key; the callback may remove it.
func (c *cache[K, V]) each(visit func(K)) {
	for k := range c.young {
		visit(k)
	}
	for k := range c.old {
		visit(k)
	}
}
