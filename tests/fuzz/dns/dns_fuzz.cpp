// Queries come from every program of the machine, responses from the network.
#include <cstdlib>

#include "agent/dns/names.hpp"
#include "agent/dns/resolv_conf.hpp"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView message{data, size};
  const dns::Names names{{"site.example"}, [](const std::string& name) {
                           return name == "api.site.example" ? parse_address("fd63::1")
                                                             : std::optional<IpAddress>();
                         }};
  const auto outcome = dns::handle(message, names);
  if (outcome.reply && outcome.forward) std::abort();
  if (outcome.forward && names.ours(outcome.forward->name)) std::abort();
  if (outcome.reply) {
    // A reply answers a query; a reply itself is never answered.
    if (outcome.reply->size() < dns::kHeaderSize || outcome.reply->size() > 512) std::abort();
    if (dns::handle(*outcome.reply, names).reply) std::abort();
    const auto query = dns::parse_query(message);
    if (query && !dns::is_response_to(*outcome.reply, *query, query->id)) std::abort();
  }
  dns::Query asked;
  asked.name = "www.example.org";
  dns::is_response_to(message, asked, 7);

  const auto conf = dns::ResolvConf::read(text(message));
  const auto again = dns::ResolvConf::read(conf.with_stub);
  if (!again.names_stub || !again.servers.empty()) std::abort();
  if (conf.servers.size() > dns::kMaxServers) std::abort();
  return 0;
}
