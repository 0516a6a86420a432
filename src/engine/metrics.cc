#include "engine/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>

namespace joey::engine {

namespace {

const prometheus::Histogram::BucketBoundaries kSecondsBuckets = {
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
    0.01,    0.025,    0.05,    0.1,    0.25,    0.5,    1,     2.5,    10};

}  // namespace

struct Metrics::Impl {
  explicit Impl(const std::string& pipeline)
      : requests(prometheus::BuildCounter()
                     .Name("joey_inference_requests_total")
                     .Help("Inference requests by outcome")
                     .Register(registry)),
        ok(requests.Add({{"pipeline", pipeline}, {"outcome", "ok"}})),
        refused(requests.Add({{"pipeline", pipeline}, {"outcome", "client_error"}})),
        failed(requests.Add({{"pipeline", pipeline}, {"outcome", "server_error"}})),
        rows(prometheus::BuildCounter()
                 .Name("joey_inference_rows_total")
                 .Help("Rows answered")
                 .Register(registry)
                 .Add({{"pipeline", pipeline}})),
        seconds(prometheus::BuildHistogram()
                    .Name("joey_inference_seconds")
                    .Help("Time from a request's last byte to its answer")
                    .Register(registry)
                    .Add({{"pipeline", pipeline}}, kSecondsBuckets)) {}

  // The samples of one name make one family.
  void Collect(std::vector<prometheus::MetricFamily>& out) const {
    for (const auto& source : sources) {
      for (const Sample& sample : source()) {
        auto family = std::find_if(out.begin(), out.end(),
                                   [&](const auto& known) { return known.name == sample.name; });
        if (family == out.end()) {
          out.push_back({sample.name, sample.help, prometheus::MetricType::Counter, {}});
          family = out.end() - 1;
        }
        prometheus::ClientMetric metric;
        for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
        metric.counter.value = sample.value;
        family->metric.push_back(std::move(metric));
      }
    }
  }

  std::vector<std::function<std::vector<Sample>()>> sources;
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Counter& ok;
  prometheus::Counter& refused;
  prometheus::Counter& failed;
  prometheus::Counter& rows;
  prometheus::Histogram& seconds;
};

Metrics::Metrics(const std::string& pipeline) : impl_(std::make_unique<Impl>(pipeline)) {}
Metrics::~Metrics() = default;

void Metrics::CountRequest(int status, double rows, double seconds) {
  (status < 400 ? impl_->ok : status < 500 ? impl_->refused : impl_->failed).Increment();
  impl_->rows.Increment(rows);
  impl_->seconds.Observe(seconds);
}

void Metrics::AddSource(std::function<std::vector<Sample>()> source) {
  impl_->sources.push_back(std::move(source));
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families = impl_->registry.Collect();
  impl_->Collect(families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace joey::engine
