#include "agent/http/exchange.hpp"

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

std::string render_request(const Request& request, const AccessRecord& record,
                           const std::string& client) {
  RequestHead head{request.method, request.path + request.query, {}};
  HttpHeaders& headers = head.headers;
  headers.add("Host", request.host);
  headers.add("Culvert-User", record.who.person);
  headers.add("Culvert-Grant", record.who.grant);
  headers.add("Culvert-Device", record.who.device);
  headers.add("Culvert-Request", record.id);
  headers.add("X-Forwarded-For", client);
  headers.add("X-Forwarded-Proto", "https");
  headers.add("X-Forwarded-Host", request.host);
  for (const auto& [name, value] : request.headers.list()) headers.add(name, value);
  add_framing(headers, request.body);
  if (request.expect_continue) headers.add("Expect", "100-continue");
  if (!request.upgrade.empty()) {
    headers.add("Connection", "Upgrade");
    headers.add("Upgrade", request.upgrade);
  }
  return render(head);
}

std::string render_response(const Response& response, bool close, bool chunked) {
  ResponseHead head{response.status, response.reason, response.headers};
  add_framing(head.headers, chunked ? Framing{Framing::Kind::kChunked, 0} : response.body);
  if (close) head.headers.add("Connection", "close");
  return render(head);
}

std::string render_interim(const Response& response) {
  return render(ResponseHead{response.status, response.reason, response.headers});
}

std::string render_switch(const Response& response, const std::string& upgrade) {
  ResponseHead head{response.status, response.reason, response.headers};
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Upgrade", upgrade);
  return render(head);
}

std::string render_refusal(int status, const std::string& why, bool with_body) {
  const std::string body = "culvert: " + why + "\n";
  ResponseHead head{status, reason_of(status), {}};
  head.headers.add("Content-Type", "text/plain");
  head.headers.add("Content-Length", std::to_string(body.size()));
  head.headers.add("Connection", "close");
  return render(head) + (with_body ? body : "");
}

}  // namespace culvert::http
