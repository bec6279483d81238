package httpd

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics counts requests by operation and status class. Its registry is its own, so that two hubs in one test process
// do not meet.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	handles  sync.Map // metricKey -> handle: label look-ups cost more than counting
}

type metricKey struct {
	op    string
	class int
}

type handle struct {
	count prometheus.Counter
	took  prometheus.Observer
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cairn_http_requests_total", Help: "Finished requests by operation and status class."}, []string{"operation", "status"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cairn_http_request_seconds", Help: "Time to the last byte by operation.", Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 60, 600}}, []string{"operation"}),
	}
	m.registry.MustRegister(m.requests, m.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(st *State, took time.Duration) {
	op := "none"
	if st.Route != nil {
		op = st.Route.ID
	}
	k := metricKey{op, st.status / 100}
	v, ok := m.handles.Load(k)
	if !ok {
		v, _ = m.handles.LoadOrStore(k, &handle{m.requests.WithLabelValues(op, strconv.Itoa(k.class)+"xx"), m.seconds.WithLabelValues(op)})
	}
	h := v.(*handle)
	h.count.Inc()
	h.took.Observe(took.Seconds())
}

// Metrics serves the registry in Prometheus' text form.
func (s *Server) Metrics() http.Handler {
	return promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{})
}

// Registry lets other parts add their gauges.
func (s *Server) Registry() *prometheus.Registry { return s.metrics.registry }
