#include "agent/http/exchange.hpp"

namespace culvert::http {
namespace {

AccessRecord new_record(const SessionOptions& options, Now now, std::uint64_t number) {
  AccessRecord record;
  record.at = now.wall;
  record.id = std::to_string(options.who.audit);
  if (options.who.flow != 0) record.id += "." + std::to_string(options.who.flow);
  record.id += "-" + std::to_string(number);
  record.service = options.service;
  record.who = options.who;
  return record;
}

bool is_idempotent(std::string_view method) {  // RFC 9110 §9.2.2
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
         method == "DELETE";
}

tl::unexpected<Refusal> refuse(int status, const char* why) {
  return fail_with(Refusal{status, why});
}

}  // namespace

Request forwarded(Request request, const AccessRecord& record, const std::string& client) {
  HttpHeaders headers;
  headers.add("Culvert-User", record.who.person);
  headers.add("Culvert-Grant", record.who.grant);
  headers.add("Culvert-Device", record.who.device);
  headers.add("Culvert-Request", record.id);
  headers.add("X-Forwarded-For", client);
  headers.add("X-Forwarded-Proto", "https");
  headers.add("X-Forwarded-Host", request.host);
  for (const auto& [name, value] : request.headers.list()) headers.add(name, value);
  request.headers = std::move(headers);
  return request;
}

Exchange::Exchange(const SessionOptions& options, Now now, std::uint64_t number)
    : options_(options),
      record_(new_record(options, now, number)),
      began_(now.steady),
      progress_(now.steady) {}

Result<std::size_t, Refusal> Exchange::judge(Incoming incoming) {
  record_.method = std::move(incoming.method);
  if (!options_.who.complete()) return refuse(403, "nobody is known to ask");
  if (!incoming.request) return fail_with(incoming.request.error());
  request_ = std::move(*incoming.request);
  if (request_.host != options_.tls_name) {
    return refuse(421, "the Host is not the name of this connection");
  }
  request_done_ = !request_.body.has_body();
  record_.host = request_.host;
  record_.path = request_.path;
  record_.has_query = !request_.query.empty();
  const auto host = host_of(request_.host, options_.service);
  const auto upstream = host ? options_.routes->find(*host, request_.path) : std::nullopt;
  if (!upstream) return refuse(404, "no route leads there");
  if (options_.log && !options_.log->ready()) {
    return refuse(503, "the access log cannot be written");
  }
  request_ = http::forwarded(std::move(request_), record_, options_.client);
  return *upstream;
}

void Exchange::sent(Now now) {
  progress_ = now.steady;
  sent_ = true;
}

void Exchange::begin_response(int status) {
  record_.status = status;
  has_response_ = true;
  if (is_tunnel()) request_done_ = false;  // the tunnel's bytes follow
}

bool Exchange::may_repeat() const {
  return sent_ && !has_response_ && interim_ == 0 && is_idempotent(request_.method) &&
         request_.body == Framing{} && request_.upgrade.empty();
}

void Exchange::repeat() { sent_ = false; }

Instant Exchange::deadline() const {
  if (!sent_) return Instant::never();  // connecting has its own timeout
  if (has_response_) return progress_ + kIdleTime;
  return progress_ + (request_done_ ? options_.response_time : kBodyTime);
}

Refusal Exchange::timeout() const {
  if (!request_done_) return {408, "the request's body stalled"};
  return {504, "no answer from the upstream in time"};
}

void Exchange::finish(Now now, std::optional<std::string> error) {
  record_.took = now.steady - began_;
  record_.error = std::move(error);
  if (options_.log) options_.log->write(render(record_));
}

}  // namespace culvert::http
