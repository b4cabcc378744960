// Explains errors in the text of a policy: which line and which word is wrong, and what should
// stand there. Policy::parse() alone decides whether the text is a policy.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "agent/cli/day_two/policy_check.hpp"
#include "agent/cli/people/draft.hpp"
#include "proto/core/prefix.hpp"
#include "proto/trust/statements/fields.hpp"

namespace culvert::cli {
namespace {

using trust::Policy;

using Good = bool (*)(std::string_view);

template <auto Parse>
bool parses(std::string_view text) {
  return Parse(text).has_value();
}
bool is_count(std::string_view text) {
  const auto count = trust::parse_number(text);
  return count && *count <= trust::kMaxRootKeys;
}
bool is_number(std::string_view text) { return trust::parse_number(text).has_value(); }
bool is_port(std::string_view text) {
  const auto port = trust::parse_number(text);
  return port && *port > 0 && *port <= 65535;
}
bool is_ports(std::string_view text) {
  const auto comma = text.find(',');
  if (!is_port(text.substr(0, comma))) return false;
  return comma == std::string_view::npos ||
         (is_port(text.substr(comma + 1)) && text.substr(0, comma) != text.substr(comma + 1));
}
template <int Most>
bool is_hours(std::string_view text) {
  const auto hours = trust::parse_hours(text);
  return hours && hours->count() >= 1 && hours->count() <= Most;
}
template <int Most>
bool is_seconds(std::string_view text) {
  const auto seconds = trust::parse_seconds(text);
  return seconds && seconds->count() >= 1 && seconds->count() <= Most;
}
bool is_previous(std::string_view text) { return text == "none" || trust::parse_hash(text); }
bool is_by(std::string_view text) {
  return text == "vendor" || text == "customer" || text == "both";
}
bool is_lease(std::string_view text) { return text == "required" || text == "waived"; }
bool is_host(std::string_view text) { return !text.empty(); }

constexpr const char* kName = "a service's full name, such as api.acme.example";
constexpr const char* kLabel = "a word of a-z, 0-9 and hyphens";
constexpr const char* kScope = "a scope, such as connect";
constexpr const char* kTime = "a time, such as 2027-03-01T00:00:00Z";

struct Word {
  std::string_view prefix;  // "group="
  const char* wanted;       // what should follow the prefix
  Good good;
};

struct Field {
  std::string_view name;
  std::size_t most;  // lines
  std::vector<Word> words;
};

const Word kFqdn{"", kName, parses<trust::Fqdn::parse>};
const Word kGroup{"group=", kLabel, parses<trust::Label::parse>};
const Word kUntil{"until=", kTime, parses<parse_time>};
const Word kPolicyScope{"scope=", kScope, trust::valid_policy_scope};

// The fields in the order of policy.hpp, with the words of each field's lines.
const std::vector<Field>& fields() {
  static const std::vector<Field> all = {
      {"site", 1, {{"", "the site's domain name", parses<trust::Fqdn::parse>}}},
      {"site-id", 1, {{"", "sha256: and 64 hex digits", parses<trust::parse_hash>}}},
      {"serial", 1, {{"", "a number from 1", is_number}}},
      {"previous", 1, {{"", "none, or the hash of the policy before this one", is_previous}}},
      {"issued", 1, {{"", kTime, parses<parse_time>}}},
      {"expires", 1, {{"", kTime, parses<parse_time>}}},
      {"claim", 1, {{"", "1h to 168h", is_hours<168>}}},
      {"lease", 1, {{"", "1s to 30s", is_seconds<30>}, {"by=", "vendor, customer or both", is_by}}},
      {"device-age", 1, {{"", "1h to 720h", is_hours<720>}}},
      {"fresh", 1, {{"", "1h to 720h", is_hours<720>}}},
      {"relay",
       trust::kMaxPolicyRelays,
       {{"", "a host", is_host},
        {"", "a port", is_port},
        {"", "x25519: and 64 hex digits", parses<crypto::parse_x25519>},
        {"", "sha256: and 64 hex digits", parses<trust::parse_hash>}}},
      {"private", trust::kMaxPrivate, {{"", "a prefix, such as 10.0.0.0/8", parses<parse_prefix>}}},
      {"service",
       trust::kMaxPolicyServices,
       {kFqdn,
        {"", "a protocol, such as tls or tcp", parses<trust::Label::parse>},
        {"", "one port, or two with a comma", is_ports},
        {"", "a tag, a word of a-z, 0-9 and hyphens", parses<trust::Label::parse>}}},
      {"allow",
       trust::kMaxAllows,
       {kFqdn,
        kGroup,
        {"max=", "1s to 86400s", is_seconds<86400>},
        {"vendor=", "how many approvers, 0 to 64", is_count},
        {"customer=", "how many approvers, 0 to 64", is_count},
        kPolicyScope}},
      {"pre-approved",
       trust::kMaxPreApprovals,
       {kFqdn, kGroup, {"max=", "1s to 14400s", is_seconds<14400>}, kUntil, kPolicyScope}},
      {"standing",
       trust::kMaxStandings,
       {kFqdn,
        {"", "ed25519: and 64 hex digits", parses<crypto::parse_ed25519>},
        kUntil,
        {"lease=", "required or waived", is_lease},
        {"scope=", "a scope without *, such as connect", trust::valid_grant_scope}}},
      {"export",
       trust::kMaxExports,
       {{"", kLabel, parses<trust::Label::parse>},
        {"", kName, parses<trust::Fqdn::parse>},
        {"rate=", "bytes a second", is_number},
        {"cap=", "bytes a day", is_number}}}};
  return all;
}

struct Line {
  std::size_t number = 0;
  std::size_t field = 0;  // index into fields()
  std::string_view value;
};

std::string form_of(const Field& field) {
  std::string out = std::string(field.name) + ":";
  for (const auto& word : field.words) {
    out += " " + std::string(word.prefix) + "<" + word.wanted + ">";
  }
  return out;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 60;
  return "'" + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "…'" : "'");
}

// What is wrong with the words of one line; nullopt when the words have the form of the field.
std::optional<std::string> wrong_words(const Field& field, std::string_view value) {
  const auto words = trust::split_words(value, field.words.size());
  if (words.empty()) {
    return "too few words; the line has the form " + form_of(field);
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& wanted = field.words[i];
    if (!words[i].starts_with(wanted.prefix)) {
      return quoted(words[i]) + " stands where " + std::string(wanted.prefix) + "… is expected (" +
             wanted.wanted + ")";
    }
    const auto rest = words[i].substr(wanted.prefix.size());
    if (!wanted.good(rest)) {
      return std::string(wanted.prefix) + quoted(rest) + " is not " + wanted.wanted;
    }
  }
  return std::nullopt;
}

std::optional<std::size_t> field_index(std::string_view name) {
  const auto& all = fields();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Field& field) { return field.name == name; });
  if (found == all.end()) return std::nullopt;
  return static_cast<std::size_t>(found - all.begin());
}

// Reads one line by itself. Nothing: `out` has a finding about the line.
std::optional<Line> read_line(std::size_t number, std::string_view line,
                              std::vector<Finding>& out) {
  const auto add = [&](std::string what) {
    out.push_back({number, std::move(what)});
    return std::nullopt;
  };
  if (line.empty()) return add("is empty; a policy holds no empty line");
  if (line.back() == '\r') return add("ends in CR LF; save the file with LF line ends");
  const auto colon = line.find(": ");
  const auto name = line.substr(0, colon);
  const auto field = field_index(name);
  if (line.front() == '#') return add("a policy holds no comments");
  if (colon == std::string_view::npos) return add("expected FIELD: VALUE, got " + quoted(line));
  if (!field) return add("there is no field " + quoted(name));
  const auto value = line.substr(colon + 2);
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (!std::all_of(value.begin(), value.end(), printable)) {
    return add(std::string(name) + ": holds a character that is not printable ASCII");
  }
  if (auto wrong = wrong_words(fields()[*field], value))
    return add(std::string(name) + ": " + *wrong);
  return Line{number, *field, value};
}

// Finds lines of one field that are out of order or repeated.
template <class Parse>
void check_sorted(const std::vector<Line>& lines, std::string_view name, Parse parse,
                  std::vector<Finding>& out) {
  const auto index = field_index(name);
  const Line* before = nullptr;
  for (const auto& line : lines) {
    if (line.field != *index) continue;
    const auto value = parse(line.value);
    const auto last = before == nullptr ? decltype(value){} : parse(before->value);
    if (!value) {
      out.push_back({line.number, std::string(name) + ": " + quoted(line.value) +
                                      " has a second spelling, or nobody must approve"});
    } else if (last && *value == *last) {
      out.push_back({line.number, std::string(name) + ": the same as line " +
                                      std::to_string(before->number) + "; take one away"});
    } else if (last && *value < *last) {
      out.push_back({line.number, std::string(name) + ": must stand before line " +
                                      std::to_string(before->number) +
                                      "; culvert policy check --sort sorts the lines"});
    }
    before = &line;
  }
}

// Describes a field's place by its neighbours in the text: "service, after those of lease".
std::string place_of(std::size_t field, const std::set<std::size_t>& present) {
  const auto next = present.upper_bound(field);
  const auto here = present.lower_bound(field);
  std::string out = next == present.end() ? "" : std::string(fields()[*next].name);
  if (here != present.begin())
    out += ", after those of " + std::string(fields()[*std::prev(here)].name);
  return out;
}

void check_order(const std::vector<Line>& lines, std::vector<Finding>& out) {
  std::map<std::size_t, std::size_t> count;
  std::size_t last = 0;
  std::set<std::size_t> present;
  for (const auto& line : lines) present.insert(line.field);
  for (const auto& line : lines) {
    const auto& field = fields()[line.field];
    if (line.field < last) {
      out.push_back({line.number, std::string(field.name) + ": must stand before the lines of " +
                                      place_of(line.field, present) +
                                      "; culvert policy check --sort puts it there"});
    }
    last = std::max(last, line.field);
    if (++count[line.field] == field.most + 1) {
      out.push_back({line.number, std::string(field.name) + ": stands more than " +
                                      std::to_string(field.most) +
                                      (field.most == 1 ? " time" : " times")});
    }
  }
  constexpr std::array<std::string_view, 7> kAlways = {"site",   "site-id", "serial", "previous",
                                                       "issued", "expires", "lease"};
  for (const auto name : kAlways) {
    if (count.count(*field_index(name)) == 0) {
      out.push_back({0, "the line " + form_of(fields()[*field_index(name)]) + " is missing"});
    }
  }
}

// Each rule names a service that has a line. Each service occurs once, directly under the site's
// name.
void check_names(const std::vector<Line>& lines, std::vector<Finding>& out) {
  std::string_view site;
  std::map<std::string_view, std::size_t> services;
  const auto is = [](const Line& line, std::string_view name) {
    return fields()[line.field].name == name;
  };
  for (const auto& line : lines) {
    if (is(line, "site")) site = line.value;
    if (!is(line, "service")) continue;
    const auto name = line.value.substr(0, line.value.find(' '));
    const auto parsed = trust::Fqdn::parse(name);
    if (parsed && parsed->site() && parsed->site()->str() != site) {
      out.push_back(
          {line.number, "service: " + quoted(name) + " is not LABEL." + std::string(site)});
    }
    const auto [held, added] = services.emplace(name, line.number);
    if (!added) {
      out.push_back({line.number, "service: " + quoted(name) + " has line " +
                                      std::to_string(held->second) + " already"});
    }
  }
  for (const auto& line : lines) {
    if (!is(line, "allow") && !is(line, "pre-approved") && !is(line, "standing")) continue;
    const auto name = line.value.substr(0, line.value.find(' '));
    if (services.count(name) != 0) continue;
    out.push_back({line.number, std::string(fields()[line.field].name) +
                                    ": no service line lists " + quoted(name)});
  }
}

}  // namespace

std::string format(const Finding& finding) {
  return finding.line == 0 ? finding.text
                           : "line " + std::to_string(finding.line) + ": " + finding.text;
}

std::vector<Finding> line_errors(std::string_view text) {
  std::vector<Finding> out;
  if (text.size() > trust::kMaxPolicySize) {
    out.push_back({0, "the text has " + std::to_string(text.size()) +
                          " bytes; a policy has at most " + std::to_string(trust::kMaxPolicySize)});
    return out;
  }
  const auto all = lines_of(text);
  if (all.empty() || all.front() != Policy::kType) {
    out.push_back({1, "the first line must be " + std::string(Policy::kType)});
    return out;
  }
  if (text.back() != '\n') out.push_back({all.size(), "the last line lacks its line feed"});
  std::vector<Line> lines;
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (auto line = read_line(i + 1, all[i], out)) lines.push_back(*line);
  }
  check_order(lines, out);
  check_names(lines, out);
  check_sorted(lines, "relay", trust::parse_policy_relay, out);
  check_sorted(lines, "private", parse_prefix, out);
  check_sorted(lines, "service", trust::parse_policy_service, out);
  check_sorted(lines, "allow", trust::parse_allow, out);
  check_sorted(lines, "pre-approved", trust::parse_pre_approved, out);
  check_sorted(lines, "standing", trust::parse_standing, out);
  check_sorted(lines, "export", trust::parse_export, out);
  std::stable_sort(out.begin(), out.end(),
                   [](const Finding& a, const Finding& b) { return a.line < b.line; });
  if (!out.empty()) return out;
  if (const auto policy = Policy::parse(text); !policy) out.push_back({0, policy.error().message});
  return out;
}

namespace {

// Sorts lines by the order of their fields. If a line has no known field, all lines stay.
void sort_fields(std::vector<std::string>& lines) {
  const auto field_of = [](const std::string& line) {
    return field_index(std::string_view(line).substr(0, line.find(": ")));
  };
  if (lines.empty()) return;
  const auto first = lines.begin() + 1;  // the type
  if (!std::all_of(first, lines.end(), field_of)) return;
  std::stable_sort(first, lines.end(), [&](const std::string& a, const std::string& b) {
    return *field_of(a) < *field_of(b);
  });
}

}  // namespace

std::string sort_policy_lines(std::string_view text) {
  auto lines = lines_of(text);
  sort_fields(lines);
  const auto sort = [&](std::string_view name, auto parse) {
    const auto prefix = std::string(name) + ": ";
    std::vector<std::size_t> places;
    std::vector<std::pair<typename decltype(parse(std::string_view{}))::value_type, std::string>>
        values;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!lines[i].starts_with(prefix)) continue;
      auto value = parse(std::string_view(lines[i]).substr(prefix.size()));
      if (!value) return;  // a wrong line: no line moves, and the check reports it
      places.push_back(i);
      values.emplace_back(std::move(*value), lines[i]);
    }
    std::stable_sort(values.begin(), values.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < places.size(); ++i) lines[places[i]] = values[i].second;
  };
  sort("relay", trust::parse_policy_relay);
  sort("private", parse_prefix);
  sort("service", trust::parse_policy_service);
  sort("allow", trust::parse_allow);
  sort("pre-approved", trust::parse_pre_approved);
  sort("standing", trust::parse_standing);
  sort("export", trust::parse_export);
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

}  // namespace culvert::cli
