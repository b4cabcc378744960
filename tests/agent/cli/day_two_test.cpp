// Day two with the commands' own functions, on folders: policies and roots that several persons
// sign in turn; keys that are added, removed and suspended; nodes and tokens that are ended.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/cli/day_two/commands.hpp"
#include "agent/cli/people/draft.hpp"
#include "agent/cli/people/keyfile.hpp"
#include "agent/cli/people/new_key.hpp"
#include "agent/cli/people/root_folder.hpp"
#include "agent/cli/site/commands.hpp"
#include "proto/control/coordinator_pub.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/trust/statements/sign.hpp"

using namespace culvert;
using namespace culvert::cli;
namespace fs = std::filesystem;
using nlohmann::json;
using trust::RootKind;

namespace {

// Captures what the commands print.
class Captured {
 public:
  Captured() : out_(std::cout.rdbuf(text_.rdbuf())), err_(std::cerr.rdbuf(said_.rdbuf())) {}
  ~Captured() {
    std::cout.rdbuf(out_);
    std::cerr.rdbuf(err_);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_, said_;
  std::streambuf* out_;
  std::streambuf* err_;
};

template <class Run>
std::string done(Run run) {
  const Captured captured;
  const auto status = run();
  INFO((status ? std::string() : status.error().message));
  REQUIRE(status);
  return captured.text();
}
template <class Run>
Error refused(Run run) {
  const Captured captured;
  const auto status = run();
  REQUIRE_FALSE(status);
  return status.error();
}

std::string hash_in(const fs::path& bundle) {
  const auto notes = read_bundle(bundle);
  REQUIRE(notes);
  return trust::format_hash(note::hash(notes->front()).view());
}

// A vendor and a site as `vendor init`, `vendor collect` and `site init` leave them.
struct Place {
  fs::path base = fs::temp_directory_path() /
                  ("culvert-day-two-" + std::to_string(getpid()) + "-" + std::to_string(++count));
  fs::path vendor = base / "vendor";
  fs::path site = base / "site";
  Common common{"", true};
  static inline int count = 0;

  Place() {
    fs::create_directories(base);
    done([&] { return vendor_init({vendor.string(), "vendor.example", "carol@vendor.example"}); });
    collect();
    SiteInit init;
    init.name = "acme.example";
    init.vendor_bundle = (vendor / kVendorBundle).string();
    init.vendor_hash = hash_in(vendor / kVendorBundle);
    init.folder = site.string();
    init.person = "bob@acme.example";
    init.group = "oncall";
    init.maximum = "1h";
    init.lease = "30s";
    init.agent = "agent";
    init.services = {"api=tls:443", "db=tcp:5432"};
    done([&] { return site_init(init); });
  }
  ~Place() {
    std::error_code ignored;
    fs::remove_all(base, ignored);
  }

  void collect() {
    crypto::SystemRng rng;
    control::CoordinatorPub pub;
    pub.urls = {"https://control.vendor.example:7443"};
    pub.control = crypto::KeyPair<crypto::ControlKey>::generate(rng).public_key;
    pub.lease = crypto::SigningKey::generate(rng).public_key();
    pub.ticket = crypto::SigningKey::generate(rng).public_key();
    const auto file = base / "coordinator.pub";
    REQUIRE(runtime::write_file_atomic(file.string(), view(pub.render())));
    done([&] { return vendor_collect(Common{}, {vendor.string(), file.string()}); });
  }

  std::string key(const char* name) const { return (site / name).string(); }

  // Adds a person with a folder and a key. Returns the public line for add-key.
  std::string person(const std::string& name, const std::string& group,
                     const std::string& kind = "site") {
    const auto home = base / name;
    fs::create_directories(home);
    const auto from = (kind == "site" ? site : vendor);
    const auto bundle = from / (kind == "site" ? kSiteBundle : kVendorBundle);
    const NewKey options{(home / (group + ".key")).string(), bundle.string(), hash_in(bundle),
                         group, name + (kind == "site" ? "@acme.example" : "@vendor.example")};
    done([&] { return new_key(common, options); });
    return options.out + ".pub";
  }
  std::string key_of(const std::string& name, const std::string& group) const {
    return (base / name / (group + ".key")).string();
  }

  RootFolder open(RootKind kind = RootKind::kSite) const {
    auto folder = RootFolder::open(kind == RootKind::kSite ? site : vendor, kind, nullptr,
                                   runtime::read_clocks());
    REQUIRE(folder);
    return std::move(*folder);
  }

  RootWork root(const std::string& subject = {}, const std::string& by = "root.key") const {
    RootWork work;
    work.subject = subject;
    if (!by.empty()) work.key = key(by.c_str());
    return work;
  }
  json sign(const std::string& file, const std::string& key_file) const {
    Work work;
    work.file = file;
    work.key = key_file;
    return json::parse(done([&] { return sign_file(common, work); }));
  }
  // Copies the statements of a file into another person's folder.
  void hand(const std::string& file, const std::string& name) {
    Work work;
    work.folder = (base / name).string();
    done([&] { return take_files(common, work, {file}); });
  }
};

std::string read(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}
void replace_in(const fs::path& path, const std::string& what, const std::string& with) {
  auto text = read(path);
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  text.replace(at, what.size(), with);
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("policy: edit, check, diff and sign by the root") {
  Place place;
  PolicyWork work;
  work.folder = place.site.string();
  const auto shown = json::parse(done([&] { return policy_show(place.common, work); }));
  CHECK(shown["serial"] == 1);
  CHECK(shown["vouched"] == true);
  done([&] { return policy_edit(place.common, work); });
  const auto draft = place.site / "policy.draft";
  replace_in(draft, "max=3600s", "max=7200s");
  const auto diff = json::parse(done([&] { return policy_diff(place.common, work); }));
  std::size_t rules = 0;  // without serial, previous and the times
  for (const auto& change : diff["changes"]) {
    if (change["text"].get<std::string>().starts_with("allow: ")) ++rules;
  }
  CHECK(rules == 2);  // the old line and the new one
  CHECK(json::parse(done([&] { return policy_check(place.common, work); }))["errors"].empty());
  PolicyWork beside;  // a draft in its own folder needs no --dir
  beside.file = draft.string();
  CHECK(json::parse(done([&] { return policy_check(place.common, beside); }))["errors"].empty());
  // A second edit continues with the same draft and loses nothing.
  done([&] { return policy_edit(place.common, work); });
  CHECK(read(draft).find("max=7200s") != std::string::npos);
  const auto signed_one = place.sign(draft.string(), place.key("root.key"));
  CHECK(signed_one["complete"] == true);
  CHECK(place.open().policy()->serial == 2);
  CHECK(place.open().policy()->allows.front().max == std::chrono::hours{2});
  // 365 days, for which this root signs policies.
  const auto policy = *place.open().policy();
  CHECK(policy.expires - policy.issued == std::chrono::hours{365 * 24});
  // The draft is in force, so the next edit starts from the draft, without --new.
  done([&] { return policy_edit(place.common, work); });
  CHECK(read(draft).find("serial: 3\n") != std::string::npos);
}

TEST_CASE("policy: a wrong draft is not signed, and stays as it is") {
  Place place;
  PolicyWork work;
  work.folder = place.site.string();
  done([&] { return policy_edit(place.common, work); });
  const auto draft = place.site / "policy.draft";
  replace_in(draft, "lease: 30s by=vendor", "lease: 30s by=customer");
  const auto before = read(draft);
  Work sign;
  sign.file = draft.string();
  sign.key = place.key("root.key");
  const auto error = refused([&] { return sign_file(place.common, sign); });
  CHECK(error.message.find("lists no lease key") != std::string::npos);
  CHECK(error.message.find("line 8") != std::string::npos);
  CHECK(read(draft) == before);
  replace_in(draft, "by=customer", "by=vendor");
  replace_in(draft, "max=3600s", "max=7200s");
  sign.key = place.key("enrolment.key");
  CHECK(refused([&] { return sign_file(place.common, sign); }).code == ErrorCode::kDenied);
  // Old drafts are never overwritten.
  done([&] {
    return policy_renew(place.common, [&] {
      auto renew = work;
      renew.file = (place.site / "other.draft").string();
      renew.key = place.key("root.key");
      return renew;
    }());
  });
  const auto clash = refused([&] { return policy_edit(place.common, work); });
  CHECK(clash.code == ErrorCode::kConflict);
  work.anew = true;
  done([&] { return policy_edit(place.common, work); });
  CHECK(fs::exists(draft.string() + ".old"));
}

TEST_CASE("policy: two approvers sign through a file; a text that was changed is refused") {
  Place place;
  const auto erin = place.person("erin", "approvers");
  done([&] { return root_add_key(place.common, place.root(erin)); });
  auto two = place.root();
  two.what = "approvers";
  two.count = 2;
  done([&] { return root_threshold(place.common, two); });
  // The policy has one root signature, which no longer counts where two approvers must sign. The
  // next policy is made under the new epoch, so the change is a cut, and the command says so.
  auto by = place.root();
  by.what = "approvers";
  const auto cut = refused([&] { return root_policy_by(place.common, by); });
  CHECK(cut.message.find("the policy of the site acme.example, serial 1") != std::string::npos);
  by.cut = true;
  done([&] { return root_policy_by(place.common, by); });
  CHECK_FALSE(place.open().policy_vouched());

  PolicyWork renew;
  renew.key = place.key("approver.key");
  const auto first = json::parse(done([&] { return policy_renew(place.common, renew); }));
  CHECK(first["complete"] == false);
  CHECK(first["signed_by"] == json{"bob@acme.example"});
  CHECK(first["missing"].get<std::string>().find("needs 2 signatures of approvers, has 1") !=
        std::string::npos);
  const auto draft = place.site / "policy.draft";
  // Erin gets the file and the newest roots. She signs the same text that Bob signed.
  const auto hers = place.base / "erin" / "policy.draft";
  fs::copy_file(draft, hers);
  place.hand((place.site / kSiteBundle).string(), "erin");
  const auto original = read(hers);
  replace_in(hers, "max=3600s", "max=7200s");
  Work sign;
  sign.file = hers.string();
  sign.key = place.key_of("erin", "approvers");
  const auto changed = refused([&] { return sign_file(place.common, sign); });
  CHECK(changed.code == ErrorCode::kUnverified);
  CHECK(changed.message.find("changed after it was signed") != std::string::npos);
  std::ofstream(hers) << original;
  const auto second = place.sign(hers.string(), sign.key);
  CHECK(second["complete"] == true);
  CHECK(second["signed_by"].size() == 2);
  // Bob takes Erin's file.
  done([&] {
    Work take;
    take.folder = place.site.string();
    return take_files(place.common, take, {hers.string()});
  });
  CHECK(place.open().policy_vouched());
  CHECK(place.open().policy()->expires - place.open().policy()->issued ==
        std::chrono::hours{90 * 24});
}

TEST_CASE("two-epoch rotation without an outage, through the commands") {
  Place place;
  // Epoch 2 lists the new root key beside the old one.
  const auto frank = place.person("frank", "root");
  const auto added =
      json::parse(done([&] { return root_add_key(place.common, place.root(frank)); }));
  CHECK(added["complete"] == true);
  CHECK(place.open().policy_vouched());
  place.hand((place.site / kSiteBundle).string(), "frank");
  // Removing the old key now would end the policy: the command refuses and writes nothing.
  RootWork remove;
  remove.key = place.key_of("frank", "root");
  remove.folder = place.site.string();
  remove.subject = "bob@acme.example";
  remove.group = "root";
  const auto early = refused([&] { return root_remove_key(place.common, remove); });
  CHECK(early.code == ErrorCode::kDenied);
  CHECK(early.message.find("would end the policy") != std::string::npos);
  CHECK(early.message.find("--cut") != std::string::npos);
  // The new key signs the policy; then epoch 3 works without the old key.
  PolicyWork renew;
  renew.folder = place.site.string();
  renew.key = place.key_of("frank", "root");
  CHECK(json::parse(done([&] { return policy_renew(place.common, renew); }))["complete"] == true);
  const auto last = json::parse(done([&] { return root_remove_key(place.common, remove); }));
  CHECK(last["complete"] == true);
  CHECK(place.open().root().epoch == 3);
  CHECK(place.open().root().lists(read_key(remove.key)->key.public_key()));
  CHECK(place.open().policy_vouched());
}

TEST_CASE("root: thresholds of the old and of the new epoch, collected by file") {
  Place place;
  const auto frank = place.person("frank", "root");
  auto work = place.root(frank, "");
  work.folder = place.site.string();
  done([&] { return root_add_key(place.common, work); });
  work = place.root({}, "");
  work.folder = place.site.string();
  work.what = "root";
  work.count = 2;
  work.cut = true;                                           // the policy has one root signature
  done([&] { return root_threshold(place.common, work); });  // into the same draft
  const auto draft = (place.site / "root.draft").string();
  const auto bob = place.sign(draft, place.key("root.key"));
  CHECK(bob["complete"] == false);
  CHECK(bob["missing"].get<std::string>().find("needs 2 root signatures, has 1") !=
        std::string::npos);
  CHECK(place.open().root().epoch == 1);
  // A change to the draft would invalidate Bob's signature.
  work.what = "approvers";
  work.count = 1;
  CHECK(refused([&] { return root_threshold(place.common, work); }).code == ErrorCode::kConflict);
  const auto hers = place.base / "frank" / "root.draft";
  fs::copy_file(draft, hers);
  const auto both = place.sign(hers.string(), place.key_of("frank", "root"));
  CHECK(both["complete"] == true);
  place.hand(hers.string(), "site");
  CHECK(place.open().root().epoch == 2);
  CHECK(place.open().root().root_threshold == 2);
  // An approver's key signs no root.
  auto renew = place.root({}, "approver.key");
  CHECK(refused([&] { return root_renew(place.common, renew); }).code == ErrorCode::kDenied);
}

TEST_CASE("root: changes that cannot be are refused with the next command") {
  Place place;
  struct Case {
    const char* what;
    std::function<Status()> run;
    const char* said;
  };
  const auto with = [&](auto edit) {
    auto work = place.root();
    edit(work);
    return work;
  };
  const std::vector<Case> cases = {
      {"no key", [&] { return root_add_key(place.common, place.root("bob.key")); },
       "culvert key public"},
      {"a bare key",
       [&] { return root_add_key(place.common, place.root("ed25519:" + std::string(64, '1'))); },
       "--group and --person"},
      {"too high a threshold",
       [&] {
         return root_threshold(place.common, with([](RootWork& w) {
                                 w.what = "approvers";
                                 w.count = 2;
                               }));
       },
       "add-key --group approvers"},
      {"the last approver",
       [&] {
         return root_remove_key(place.common, with([](RootWork& w) {
                                  w.subject = "bob@acme.example";
                                  w.group = "approvers";
                                }));
       },
       "add a key first"},
      {"nobody", [&] { return root_remove_key(place.common, place.root("eve@acme.example")); },
       "no such key"},
      {"a group of the other root",
       [&] {
         return root_add_key(place.common, with([](RootWork& w) {
                               w.subject = "ed25519:" + std::string(64, '1');
                               w.group = "directory";
                               w.person = "eve@acme.example";
                             }));
       },
       "has no group directory"},
      {"a person of nowhere",
       [&] {
         return root_add_key(place.common, with([](RootWork& w) {
                               w.subject = "ed25519:" + std::string(64, '1');
                               w.group = "approvers";
                               w.person = "eve@elsewhere.example";
                             }));
       },
       "domains"}};
  for (const auto& one : cases) {
    INFO(one.what);
    const auto error = refused(one.run);
    INFO(error.message);
    CHECK(error.message.find(one.said) != std::string::npos);
    CHECK_FALSE(fs::exists(place.site / "root.draft"));
  }
  CHECK(place.open().root().epoch == 1);
}

TEST_CASE("vendor root: a second approver, renewed, in its own folder") {
  Place place;
  const auto dave = place.person("dave", "approvers", "vendor");
  RootWork work;
  work.kind = RootKind::kVendor;
  work.key = (place.vendor / "root.key").string();
  work.subject = dave;
  const auto added = json::parse(done([&] { return root_add_key(place.common, work); }));
  CHECK(added["complete"] == true);
  CHECK(place.open(RootKind::kVendor).root().epoch == 3);
  work.subject = "carol@vendor.example";
  work.group = "directory";
  const auto cut = refused([&] { return root_remove_key(place.common, work); });
  CHECK(cut.message.find("the list of addresses") != std::string::npos);
  done([&] { return root_renew(place.common, work); });
  CHECK(place.open(RootKind::kVendor).root().epoch == 4);
}

TEST_CASE("vendor collect: two root persons sign the epoch that lists a new coordinator") {
  Place place;
  const auto dave = place.person("dave", "root", "vendor");
  RootWork work;
  work.kind = RootKind::kVendor;
  work.folder = place.vendor.string();
  work.subject = dave;
  done([&] { return root_add_key(place.common, work); });
  work.what = "root";
  work.count = 2;
  done([&] { return root_threshold(place.common, work); });
  const auto draft = (place.vendor / "root.draft").string();
  const auto carol_key = (place.vendor / "root.key").string();
  CHECK(place.sign(draft, carol_key)["complete"] == false);
  Work second;
  second.folder = place.vendor.string();
  second.file = draft;
  second.key = place.key_of("dave", "root");
  const auto both = json::parse(done([&] { return sign_file(place.common, second); }));
  CHECK(both["complete"] == true);

  place.collect();  // another coordinator, whose epoch waits for Dave
  CHECK(place.open(RootKind::kVendor).root().epoch == 3);
  const auto pub = (place.base / "coordinator.pub").string();
  CHECK(json::parse(done([&] { return sign_file(place.common, second); }))["complete"] == true);
  CHECK(place.open(RootKind::kVendor).root().epoch == 4);
  const auto before = place.open(RootKind::kVendor).evidence().places()->serial;
  done([&] { return vendor_collect(Common{}, {place.vendor.string(), pub}); });
  CHECK(place.open(RootKind::kVendor).root().epoch == 4);
  CHECK(place.open(RootKind::kVendor).evidence().places()->serial == before + 1);
}

TEST_CASE("root add-key: a refused signing leaves no draft; a draft that lists the key says so") {
  Place place;
  const auto dave = place.person("dave", "approvers", "vendor");
  RootWork work;
  work.kind = RootKind::kVendor;
  work.folder = place.vendor.string();
  work.subject = dave;
  work.key = (place.vendor / "approver.key").string();  // an approver's key, which signs no root
  CHECK(refused([&] { return root_add_key(place.common, work); }).code == ErrorCode::kDenied);
  CHECK_FALSE(fs::exists(place.vendor / "root.draft"));
  work.key.clear();
  done([&] { return root_add_key(place.common, work); });
  const auto again = refused([&] { return root_add_key(place.common, work); }).message;
  CHECK(again.find("root.draft lists this key already") != std::string::npos);
  CHECK(again.find("next: culvert vendor root sign ") != std::string::npos);
  work.key = (place.vendor / "root.key").string();
  work.anew = true;
  const auto out = json::parse(done([&] { return root_add_key(place.common, work); }));
  CHECK(out["complete"] == true);
  work.anew = false;
  CHECK(refused([&] {
          return root_add_key(place.common, work);
        }).message.find("the root lists this key already") == 0);
}

TEST_CASE("policy renew: a key that signs no policy leaves no draft") {
  Place place;
  PolicyWork work;
  work.folder = place.site.string();
  work.key = place.key("enrolment.key");
  CHECK(refused([&] { return policy_renew(place.common, work); }).code == ErrorCode::kDenied);
  CHECK_FALSE(fs::exists(place.site / "policy.draft"));
}

TEST_CASE("revoke-node: at the approvers' threshold, through a file") {
  Place place;
  const auto erin = place.person("erin", "approvers");
  auto work = place.root(erin, "");
  work.folder = place.site.string();
  done([&] { return root_add_key(place.common, work); });
  work.what = "approvers";
  work.count = 2;
  work.key = place.key("root.key");
  done([&] { return root_threshold(place.common, work); });
  place.hand((place.site / kSiteBundle).string(), "erin");

  Ending ending;
  ending.subject = "ed25519:" + std::string(64, '2');
  ending.reason = "copied";
  ending.key = place.key("approver.key");
  ending.file = (place.base / "node.note").string();
  CHECK(json::parse(done([&] { return revoke_node(place.common, ending); }))["complete"] == false);
  ending.key = place.key_of("erin", "approvers");
  auto other = ending;
  other.subject = "ed25519:" + std::string(64, '3');
  CHECK(refused([&] { return revoke_node(place.common, other); }).code == ErrorCode::kConflict);
  ending.subject.clear();
  CHECK(json::parse(done([&] { return revoke_node(place.common, ending); }))["complete"] == true);
  place.hand(ending.file, "site");
  CHECK(place.open().evidence().revocation_notes(place.open().site().id).size() == 1);
  // A name needs a coordinator; the error says so.
  ending.subject = "agent";
  ending.file.clear();
  CHECK(refused([&] { return revoke_node(place.common, ending); }).message.find("--publish") !=
        std::string::npos);
}

TEST_CASE("revoke-token: by the token's file, with the enrolment key") {
  Place place;
  Ending ending;
  ending.subject = (place.site / "agent.token").string();
  ending.reason = "leaked";
  ending.key = place.key("approver.key");
  CHECK(refused([&] { return revoke_token(place.common, ending); }).code == ErrorCode::kDenied);
  ending.key = place.key("enrolment.key");
  const auto out = json::parse(done([&] { return revoke_token(place.common, ending); }));
  CHECK(out["complete"] == true);
  CHECK(read(out["file"].get<std::string>()).find("revokes: enrolment sha256:") !=
        std::string::npos);
  ending.subject = (place.site / kVendorBundle).string();
  CHECK(refused([&] { return revoke_token(place.common, ending); }).code == ErrorCode::kInvalid);
}

TEST_CASE("revoke-token: a hash counts when the folder made such a token, or with --unknown") {
  Place place;
  const auto made = read_bundle(place.site / kEnrolmentsBundle);
  REQUIRE(made);
  Ending ending;
  ending.reason = "leaked";
  ending.key = place.key("enrolment.key");
  ending.subject = "sha256:" + std::string(64, '0');
  const auto error = refused([&] { return revoke_token(place.common, ending); });
  CHECK(error.code == ErrorCode::kNotFound);
  CHECK(error.message.find("(agent)") != std::string::npos);
  CHECK(error.message.find("--unknown") != std::string::npos);
  CHECK_FALSE(fs::exists(place.site / "revoke-token-00000000.note"));
  ending.unknown = true;
  CHECK(json::parse(done([&] { return revoke_token(place.common, ending); }))["complete"] == true);
  ending.unknown = false;
  ending.subject = trust::format_hash(note::hash(made->front()).view());
  CHECK(json::parse(done([&] { return revoke_token(place.common, ending); }))["complete"] == true);
}

TEST_CASE("site token: the folder of the key or the current one; only tokens are overwritten") {
  Place place;
  SiteToken token;
  token.key = place.key("enrolment.key");
  token.name = "second";
  token.lifetime = "1h";
  token.renewal = "365d";
  token.replaces = "none";
  const auto out = json::parse(done([&] { return site_token(place.common, token); }));
  CHECK(out["file"] == (place.site / "agent.token").string());
  CHECK(read_bundle(place.site / kEnrolmentsBundle)->size() == 2);
  token.out = place.key("approver.key");
  const auto before = read(token.out);
  CHECK(refused([&] { return site_token(place.common, token); }).code == ErrorCode::kConflict);
  CHECK(read(token.out) == before);
  const auto here = fs::current_path();
  fs::current_path(place.site);
  token.key.clear();
  token.out.clear();
  CHECK(json::parse(done([&] { return site_token(place.common, token); }))["file"] ==
        "./agent.token");
  fs::current_path(here);
}

TEST_CASE("key suspend: too few approvers want --cut") {
  Place place;
  Ending ending;
  ending.reason = "lost";
  ending.key = place.key("approver.key");
  const auto last = refused([&] { return suspend_own_key(place.common, ending); });
  CHECK(last.message.find("no approver is left, and 1 is needed") != std::string::npos);
  CHECK(last.message.find("--cut") != std::string::npos);
  const auto erin = place.person("erin", "approvers");
  done([&] { return root_add_key(place.common, place.root(erin)); });
  auto two = place.root();
  two.what = "approvers";
  two.count = 2;
  done([&] { return root_threshold(place.common, two); });
  const auto few = refused([&] { return suspend_own_key(place.common, ending); });
  CHECK(few.message.find("approvers left: erin@acme.example, and up to 2 are needed") !=
        std::string::npos);
  ending.cut = true;
  const auto out = json::parse(done([&] { return suspend_own_key(place.common, ending); }));
  CHECK(out["too_few_approvers"] == true);
  CHECK(out["approvers_left"] == json{"erin@acme.example"});
  RootWork show;
  show.folder = place.site.string();
  const auto root = json::parse(done([&] { return root_show(place.common, show); }));
  REQUIRE(root["suspended"].size() == 1);
  CHECK(root["suspended"][0].get<std::string>().starts_with("approvers bob@acme.example"));
}

TEST_CASE("key suspend: the last root key wants --freeze; a suspended key signs nothing") {
  Place place;
  Ending ending;
  ending.reason = "lost";
  ending.key = place.key("root.key");
  const auto frozen = refused([&] { return suspend_own_key(place.common, ending); });
  CHECK(frozen.code == ErrorCode::kDenied);
  CHECK(frozen.message.find("--freeze") != std::string::npos);
  CHECK(place.open().policy_vouched());

  const auto frank = place.person("frank", "root");
  done([&] { return root_add_key(place.common, place.root(frank)); });
  place.hand((place.site / kSiteBundle).string(), "frank");
  const auto out = json::parse(done([&] { return suspend_own_key(place.common, ending); }));
  CHECK(out["frozen"].empty());
  CHECK(out["policy_ended"] == true);  // the suspended key had signed the policy
  PolicyWork renew;
  renew.folder = place.site.string();
  renew.key = place.key("root.key");
  const auto refused_key = refused([&] { return policy_renew(place.common, renew); });
  CHECK(refused_key.message.find("suspended") != std::string::npos);
  renew.anew = true;
  renew.key = place.key_of("frank", "root");
  CHECK(json::parse(done([&] { return policy_renew(place.common, renew); }))["complete"] == true);
  // The other persons take the key out of the root; the key cannot come back.
  RootWork remove;
  remove.folder = place.site.string();
  remove.key = renew.key;
  remove.subject = "bob@acme.example";
  remove.group = "root";
  CHECK(json::parse(done([&] { return root_remove_key(place.common, remove); }))["complete"] ==
        true);
  CHECK(place.open().root().epoch == 3);
  remove.person = "bob@acme.example";
  const auto key = read_key(place.key("root.key"));
  REQUIRE(key);
  remove.subject = crypto::format_ed25519(key->key.public_key());
  CHECK(refused([&] { return root_add_key(place.common, remove); }).code == ErrorCode::kDenied);
}

TEST_CASE("take: what others hand over is verified, and nothing else is kept") {
  Place place;
  Place other;  // another customer, of another vendor
  Work take;
  take.folder = place.site.string();
  const auto before = read(place.site / kSiteBundle);
  const auto foreign = (other.site / kSiteBundle).string();
  CHECK_FALSE(refused([&] { return take_files(place.common, take, {foreign}); }).message.empty());
  // A policy that somebody else has signed with another key.
  crypto::SystemRng rng;
  auto policy = *place.open().policy();
  policy.serial = 2;
  policy.previous = note::hash(place.open().policy_note());
  const auto key = crypto::SigningKey::generate(rng);
  const auto forged = trust::sign_statement(policy, {"bob@acme.example", key});
  REQUIRE(forged);
  const auto file = place.base / "forged.note";
  REQUIRE(write_draft(file, *forged));
  CHECK(refused([&] { return take_files(place.common, take, {file.string()}); }).code ==
        ErrorCode::kUnverified);
  // The vendor's own statements of other kinds are refused.
  done([&] {
    return vendor_site({place.vendor.string(), (place.site / kSiteBundle).string(),
                        hash_in(place.site / kSiteBundle), (place.base / "x.site").string()});
  });
  const auto kind =
      refused([&] { return take_files(place.common, take, {(place.base / "x.site").string()}); });
  CHECK(kind.code == ErrorCode::kInvalid);
  CHECK(read(place.site / kSiteBundle) == before);
  // An older policy changes nothing, and no part of the old policy is handed in.
  const auto old = place.base / "old.note";
  REQUIRE(write_draft(old, place.open().policy_note()));
  PolicyWork renew;
  renew.key = place.key("root.key");
  done([&] { return policy_renew(place.common, renew); });
  const auto again =
      json::parse(done([&] { return take_files(place.common, take, {old.string()}); }));
  CHECK(again["taken"].empty());
  CHECK(place.open().policy()->serial == 2);
  take.key = renew.key;
  CHECK(refused([&] { return publish_files(place.common, take, {old.string()}); }).code ==
        ErrorCode::kStale);
}

TEST_CASE("sign: strangers' lines in a draft count for nothing and take no room") {
  Place place;
  PolicyWork work;
  work.folder = place.site.string();
  done([&] { return policy_edit(place.common, work); });
  const auto file = place.site / "policy.draft";
  auto draft = read_draft(file);
  REQUIRE(draft);
  crypto::SystemRng rng;
  for (std::size_t i = 0; i < note::kMaxSignatures; ++i) {
    const auto key = crypto::SigningKey::generate(rng);
    draft->signatures.push_back(note::sign(draft->text, "bob@acme.example", key));
  }
  REQUIRE(write_draft(file, *draft));
  const auto out = place.sign(file.string(), place.key("root.key"));
  CHECK(out["complete"] == true);
  CHECK(out["signed_by"] == json{"bob@acme.example"});
  CHECK(read_draft(file)->signatures.size() == 1);
}

TEST_CASE("drafts of nothing: an empty file, a folder, bytes, a half note") {
  Place place;
  Work sign;
  sign.key = place.key("root.key");
  sign.file = (place.base / "draft").string();
  CHECK_FALSE(refused([&] { return sign_file(place.common, sign); }).message.empty());
  for (const std::string& content :
       {std::string(), std::string("\n"), std::string("\xff\xfe\x00", 3),
        std::string("culvert/policy/v1\n"), std::string("culvert/policy/v1\n\n\xe2\x80\x94 x y\n"),
        std::string("culvert/root/v1\nkind: site\n"), std::string(600 * 1024, 'a')}) {
    std::ofstream(sign.file) << content;
    CHECK_FALSE(refused([&] { return sign_file(place.common, sign); }).message.empty());
    CHECK(read(sign.file) == content);
    PolicyWork work;
    work.folder = place.site.string();
    work.file = sign.file;
    CHECK_FALSE(refused([&] { return policy_check(place.common, work); }).message.empty());
  }
  sign.file = place.site.string();
  CHECK_FALSE(refused([&] { return sign_file(place.common, sign); }).message.empty());
}

TEST_CASE("key new: the root's hash is compared, files are never overwritten") {
  Place place;
  NewKey options{(place.base / "x.key").string(), (place.site / kSiteBundle).string(),
                 "sha256:" + std::string(64, '0'), "approvers", "erin@acme.example"};
  CHECK(refused([&] { return new_key(place.common, options); }).code == ErrorCode::kUnverified);
  options.root_hash = hash_in(place.site / kSiteBundle);
  options.group = "directory";
  CHECK(refused([&] { return new_key(place.common, options); }).code == ErrorCode::kInvalid);
  options.group = "approvers";
  done([&] { return new_key(place.common, options); });
  const auto before = read(options.out);
  CHECK(refused([&] { return new_key(place.common, options); }).code == ErrorCode::kConflict);
  CHECK(read(options.out) == before);
}

TEST_CASE("policy: 1,000 services in 256 KiB are edited, checked, signed and read again") {
  Place place;
  PolicyWork work;
  work.folder = place.site.string();
  done([&] { return policy_edit(place.common, work); });
  const auto draft = place.site / "policy.draft";
  auto policy = trust::Policy::parse(read(draft)).value();
  policy.services.clear();
  policy.allows.clear();
  for (int i = 0; i < 1000; ++i) {
    const auto name = "service-number-" + std::to_string(i) + ".acme.example";
    const auto tag = trust::Label::parse("tag-" + std::to_string(i / 100)).value();
    policy.services.push_back(trust::PolicyService::of(trust::Fqdn::parse(name).value(),
                                                       trust::Protocol::kTls, 443, tag));
    policy.allows.push_back({trust::Fqdn::parse(name).value(),
                             trust::Label::parse("oncall-" + std::string(56, 'x')).value(),
                             std::chrono::hours{1}, 1, 1, std::string(trust::kScopeConnect)});
  }
  policy.sort();
  REQUIRE(policy.render().size() > 200 * 1024);
  REQUIRE(policy.render().size() <= trust::kMaxPolicySize);
  std::ofstream(draft) << policy.render();
  CHECK(json::parse(done([&] { return policy_check(place.common, work); }))["errors"].empty());
  CHECK(place.sign(draft.string(), place.key("root.key"))["complete"] == true);
  CHECK(place.open().policy()->services.size() == 1000);
  CHECK(json::parse(done([&] { return policy_show(place.common, work); }))["services"] == 1000);
  // One more service is an error that names the bound.
  done([&] { return policy_edit(place.common, work); });
  auto text = read(draft);
  text.insert(text.find("allow: "), "service: zzz.acme.example tls 443 z\n");
  std::ofstream(draft) << text;
  CHECK(refused([&] {
          return policy_check(place.common, work);
        }).message.find("stands more than 1000 times") != std::string::npos);
}
