// The operator's commands: `init`, `vendor add`, `site add`, `status`, `audit`. They read and write
// only the state folder, whether a coordinator runs on it or not.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "coordinator/core/reporters.hpp"
#include "coordinator/shell/commands.hpp"
#include "coordinator/shell/tools.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::coordinator {
namespace {

Result<std::string> read_text(const std::string& path) {
  auto bytes = path == "-" ? runtime::read_standard_input() : runtime::read_file(path);
  if (!bytes) return fail_with(bytes.error());
  return std::string(text(*bytes));
}

Result<std::unique_ptr<SqliteStore>> open_store(const CommonOptions& common) {
  const auto state = state_folder(common);
  if (!state) return fail_with(state.error());
  const auto there = [&](const char* name) { return std::filesystem::exists(state->file(name)); };
  if (!there("coordinator.db") && !there("control.key")) {
    const auto folder = std::filesystem::path(state->file("coordinator.db")).parent_path();
    return fail(ErrorCode::kNotFound,
                "no store in " + folder.string() +
                    "; next: name the coordinator's folder with --state DIR, or begin a new one: "
                    "culvert-coordinator init --state DIR --url URL");
  }
  return state->store();
}

std::string json_audit(const StoredAudit& stored, const Reporters& reporters) {
  return "{\"number\":" + std::to_string(stored.number) +
         ",\"reporter\":" + json_string(stored.row.source) +
         ",\"reporter_name\":" + json_string(reporters.name(stored.row)) +
         ",\"site\":" + json_string(stored.row.site) +
         ",\"stored\":" + json_string(format_time(stored.row.at)) +
         ",\"line\":" + json_string(stored.row.line) + "}";
}

Result<Reporters> read_reporters(Store& store) {
  const auto rows = store.notes();
  if (!rows) return fail_with(rows.error());
  std::vector<std::string> notes;
  notes.reserve(rows->size());
  for (const auto& row : *rows) notes.push_back(row.note);
  return Reporters(notes);
}

Result<std::uint64_t> print_audit(Store& store, const AuditOptions& options, std::uint64_t after) {
  AuditFilter filter;
  if (!options.site.empty()) filter.site = options.site;
  for (;;) {
    filter.after = after;
    const auto rows = store.audit(filter);
    if (!rows) return fail_with(rows.error());
    if (rows->empty()) return after;
    const auto reporters = read_reporters(store);
    if (!reporters) return fail_with(reporters.error());
    for (const auto& stored : *rows) {
      const auto line =
          options.json ? json_audit(stored, *reporters) : reporters->shown(stored.row);
      std::printf("%s\n", line.c_str());
      after = stored.number;
    }
    std::fflush(stdout);
    if (rows->size() < kMaxAuditPage) return after;
  }
}

std::string json_status(const Summary& summary, bool running) {
  std::string out = "{\"running\":" + std::string(running ? "true" : "false");
  out += ",\"vendor\":" + json_string(summary.vendor);
  out += ",\"vendor_id\":" + json_string(trust::format_hash(summary.vendor_id.view()));
  out += ",\"vendor_epoch\":" + std::to_string(summary.vendor_epoch);
  out += ",\"devices\":" + std::to_string(summary.devices);
  out += ",\"statements\":" + std::to_string(summary.statements) + ",\"sites\":[";
  std::string comma;
  for (const auto& site : summary.sites) {
    out += comma + "{\"site\":" + json_string(site.site.name.str());
    out += ",\"site_id\":" + json_string(trust::format_hash(site.site.id.view()));
    out += ",\"root_epoch\":" + std::to_string(site.root_epoch);
    out += ",\"policy_serial\":" + std::to_string(site.policy_serial);
    out += ",\"agents\":" + std::to_string(site.agents) + "}";
    comma = ",";
  }
  out += "],\"warnings\":[";
  comma.clear();
  for (const auto& warning : summary.warnings) {
    out += comma + json_string(warning);
    comma = ",";
  }
  return out + "]}";
}

void print_status(const Summary& summary, bool running) {
  std::printf("running     %s\n", running ? "yes" : "no");
  if (!summary.vendor.empty()) {
    std::printf("vendor      %s, epoch %llu\n            %s\n", summary.vendor.c_str(),
                static_cast<unsigned long long>(summary.vendor_epoch),
                trust::format_hash(summary.vendor_id.view()).c_str());
  }
  for (const auto& site : summary.sites) {
    std::printf("site        %s, epoch %llu, policy %llu, agents %zu\n",
                site.site.name.str().c_str(), static_cast<unsigned long long>(site.root_epoch),
                static_cast<unsigned long long>(site.policy_serial), site.agents);
  }
  std::printf("devices     %zu\nstatements  %zu\n", summary.devices, summary.statements);
  for (const auto& warning : summary.warnings) std::printf("warning     %s\n", warning.c_str());
}

}  // namespace

int run_init(const CommonOptions& common, const std::vector<std::string>& urls) {
  auto state = state_folder(common);
  if (!state) return finish(fail_with(state.error()));
  crypto::SystemRng rng;
  const auto pub = state->init(urls, rng);
  if (!pub) return finish(fail_with(pub.error()));
  std::printf("%s", pub->render().c_str());
  std::fprintf(stderr, "wrote %s; give it to: culvert vendor collect\n",
               state->file("coordinator.pub").c_str());
  return 0;
}

int run_vendor_add(const CommonOptions& common, const std::string& file) {
  const auto bundle = read_text(file);
  if (!bundle) return finish(fail_with(bundle.error()));
  const auto store = open_store(common);
  if (!store) return finish(fail_with(store.error()));
  const auto vendor = add_vendor(runtime::read_clocks(), **store, *bundle);
  if (!vendor) return finish(fail(vendor.error().code, file + ": " + vendor.error().message));
  std::printf("vendor %s is served\n", vendor->c_str());
  return 0;
}

int run_site_add(const CommonOptions& common, const std::vector<std::string>& files) {
  std::string bundle;  // all files as one bundle: an empty line between notes
  for (const auto& file : files) {
    const auto part = read_text(file);
    if (!part) return finish(fail_with(part.error()));
    if (!bundle.empty()) bundle += '\n';
    bundle += *part;
  }
  const auto store = open_store(common);
  if (!store) return finish(fail_with(store.error()));
  const auto site = add_site(runtime::read_clocks(), **store, bundle);
  if (!site) {
    std::string names;
    for (const auto& file : files) names += (names.empty() ? "" : ", ") + file;
    return finish(fail(site.error().code, names + ": " + site.error().message));
  }
  std::printf("site %s is served\n", site->c_str());
  return 0;
}

int run_status(const CommonOptions& common, bool json) {
  const auto state = state_folder(common);
  if (!state) return finish(fail_with(state.error()));
  const auto keys = state->keys();
  if (!keys) return finish(fail_with(keys.error()));
  const auto store = state->store();
  if (!store) return finish(fail_with(store.error()));
  const auto summary = summarize(runtime::read_clocks(), **store, keys->public_halves());
  if (!summary) return finish(fail_with(summary.error()));
  const auto lock = runtime::FileLock::take(state->file("lock"));
  const bool running = !lock && lock.error().code == ErrorCode::kConflict;
  if (json) {
    std::printf("%s\n", json_status(*summary, running).c_str());
  } else {
    print_status(*summary, running);
  }
  return 0;
}

int run_audit(const CommonOptions& common, const AuditOptions& options) {
  const auto store = open_store(common);
  if (!store) return finish(fail_with(store.error()));
  auto last = print_audit(**store, options, 0);
  while (options.follow && last) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    last = print_audit(**store, options, *last);
  }
  return last ? 0 : finish(fail_with(last.error()));
}

}  // namespace culvert::coordinator
