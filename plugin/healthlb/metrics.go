package healthlb

import (
	"strconv"
	"sync"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"example.org/healthlb/plugin/healthlb/health"
	"example.org/healthlb/plugin/healthlb/probe"
	"example.org/healthlb/plugin/healthlb/webhook"
)

const subsystem = "healthlb"

var (
	probesTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "probes_total",
		Help: "Counter of probes by what they found.",
	}, []string{"kind", "result"})

	probeDuration = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "probe_duration_seconds",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14), // 0.5 ms, as inside a rack, to 4 s, beyond the longest default timeout
		Help:    "Histogram of how long probes took.",
	}, []string{"kind"})

	probeLag = promauto.NewHistogram(prometheus.HistogramOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "probe_lag_seconds",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 14), // 1 ms to 8 s
		Help:    "Histogram of how late probes started.",
	})

	placesErrorsTotal = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "places_file_errors_total",
		Help: "Counter of places files that were missing or wrong, so that the places of before stayed.",
	})

	webhookTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "webhook_events_total",
		Help: "Counter of events posted to the on_change URL, by what became of the post: delivered, failed (they are posted again) or dropped.",
	}, []string{"result"})

	expressTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "express_answers_total",
		Help: "Counter of queries that came to express sockets, by what became of them: answered there, handed_on to the plugins, dropped as too many " +
			"had been handed on, or refused as their header is none of a query.",
	}, []string{"result"})
	expressAnswered = expressTotal.WithLabelValues("answered")
	expressHandedOn = expressTotal.WithLabelValues("handed_on")
	expressDropped  = expressTotal.WithLabelValues("dropped")
	expressRefused  = expressTotal.WithLabelValues("refused")

	adminRequestsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "admin_requests_total",
		Help: "Counter of requests to the admin endpoint.",
	}, []string{"method", "code"})
)

func observeLag(lag time.Duration) { probeLag.Observe(lag.Seconds()) }

func observeRequest(method string, code int) {
	adminRequestsTotal.WithLabelValues(method, strconv.Itoa(code)).Inc()
}

func observeHook(outcome webhook.Outcome, events int) {
	webhookTotal.WithLabelValues(string(outcome)).Add(float64(events))
}

// kindMetrics are the metrics of one kind of check, looked up once.
type kindMetrics struct {
	results  [health.Inconclusive + 1]prometheus.Counter
	duration prometheus.Observer
}

// kinds holds them by kind, each made when the kind is first probed.
var kinds sync.Map

func metricsOf(kind string) *kindMetrics {
	if m, known := kinds.Load(kind); known {
		return m.(*kindMetrics)
	}
	m := &kindMetrics{duration: probeDuration.WithLabelValues(kind)}
	for o := range m.results {
		m.results[o] = probesTotal.WithLabelValues(kind, health.Outcome(o).String())
	}
	first, _ := kinds.LoadOrStore(kind, m)
	return first.(*kindMetrics)
}

func (m *kindMetrics) observe(r probe.Result) {
	m.results[r.Outcome].Inc()
	m.duration.Observe(r.Took.Seconds())
}
