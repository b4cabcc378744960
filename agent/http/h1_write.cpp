#include "agent/http/h1_head.hpp"

namespace culvert::http {
namespace {

void add_framing(HttpHeaders& headers, const Framing& framing) {
  if (framing.kind == Framing::Kind::kLength) {
    headers.add("Content-Length", std::to_string(framing.length));
  } else if (framing.kind == Framing::Kind::kChunked) {
    headers.add("Transfer-Encoding", "chunked");
  }
}

}  // namespace

std::string write_request(const Request& request) {
  RequestHead head{request.method, request.path + request.query, {{"Host", request.host}}};
  HttpHeaders& headers = head.headers;
  for (const auto& [name, value] : request.headers.list()) headers.add(name, value);
  add_framing(headers, request.body);
  if (request.expect_continue) headers.add("Expect", "100-continue");
  if (!request.upgrade.empty()) {
    headers.add("Connection", "Upgrade");
    headers.add("Upgrade", request.upgrade);
  } else if (request.accepts_trailers) {  // TE must be listed in Connection (RFC 9110 §10.1.4)
    headers.add("Connection", "TE");
    headers.add("TE", "trailers");
  }
  return render(head);
}

std::string write_response(const Response& response, bool close, bool chunked) {
  ResponseHead head{response.status, response.reason, response.headers};
  add_framing(head.headers, chunked ? Framing{Framing::Kind::kChunked, 0} : response.body);
  if (close) head.headers.add("Connection", "close");
  return render(head);
}

std::string write_interim(const Response& response) {
  return render(ResponseHead{response.status, response.reason, response.headers});
}

std::string write_switch(const Response& response, const std::string& upgrade) {
  ResponseHead head{response.status, response.reason, response.headers};
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Upgrade", upgrade);
  return render(head);
}

std::string write_refusal(const Refusal& refusal, bool with_body) {
  const std::string body = "culvert: " + refusal.why + "\n";
  ResponseHead head{refusal.status, reason_of(refusal.status), {}};
  head.headers.add("Content-Type", "text/plain");
  head.headers.add("Content-Length", std::to_string(body.size()));
  head.headers.add("Connection", "close");
  return render(head) + (with_body ? body : "");
}

}  // namespace culvert::http
