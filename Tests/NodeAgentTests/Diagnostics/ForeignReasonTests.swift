import Glibc
import Support
import Testing

@testable import NodeAgent

private let haproxy = "/usr/sbin/haproxy"

@Suite("Advice to leave out or replace a keyword")
struct ForeignReasonTests {
    /// Why a file without these keywords, or with the replacement in the advice, sends the same clients to the same servers. A keyword belongs here only if
    /// this is true for each of its values. The name of a place before a keyword limits the reason to that place.
    static let justifications: KeyValuePairs<String, String> = [
        "It only affects HTTP, TLS or Lua, which tsukada refuses wherever a proxy would use them.":
            """
        acme.scheduler;h1-accept-payload-with-any-method;h1-case-adjust;h1-case-adjust-file;h1-do-not-close-on-insecure-transfer-encoding
        h2-workaround-bogus-websocket-clients;http-err-codes;http-fail-codes;httpclient.*;jwt.*;limited-quic;lua-prepend-path;maxcompcpuusage;maxcomprate
        maxzlibmem;no-quic;ocsp-update.disable;ocsp-update.httpproxy;ocsp-update.maxdelay;ocsp-update.mindelay;ocsp-update.mode
        quic-cc-algo;quic-force-retry;quic-socket;no-verifyhost;proto;idle-ping;no-check-reuse-pool
        issuers-chain-path;key-base;maxsslconn;maxsslrate;noktls;ssl-default-*;ssl-dh-param-file;ssl-engine;ssl-load-extra-del-ext
        ssl-load-extra-files;ssl-mode-async;ssl-passphrase-cmd;ssl-propquery;ssl-provider;ssl-provider-path;ssl-security-level;ssl-server-verify
        ssl-skip-self-issued-ca
        """,
        "It configures a device detection library whose results only HTTP rules read.":
            """
        51degrees-allow-unmatched;51degrees-cache-size;51degrees-data-file;51degrees-difference;51degrees-drift
        51degrees-property-name-list;51degrees-property-separator;51degrees-use-performance-graph;51degrees-use-predictive-graph
        deviceatlas-cookie-name;deviceatlas-json-file;deviceatlas-log-level;deviceatlas-properties-cookie;deviceatlas-separator
        wurfl-cache-size;wurfl-data-file;wurfl-information-list;wurfl-information-list-separator;wurfl-patch-file
        """,
        "It changes how the process uses processors and memory, or how it waits for events.":
            """
        busy-polling;cpu-affinity;cpu-map;cpu-policy;cpu-set;max-threads-per-group;no-memory-trimming;noepoll;noevports;nokqueue;nopoll;noreuseport
        nosplice;numa-cpu-mapping;thread-group;thread-groups;thread-hard-limit;tune.*;nice;log-bufsize;shard;option use-small-buffers;cc;maxpipes
        """,
        "It limits descriptors. A service's own limit has the same effect, and tsukada warns if the limit is too low for 'maxconn'.":
            "maxsock;prealloc-fd;strict-limits",
        "It concerns the life of processes: the supervisor, core files, child processes, and the reading of the file.":
            """
        mworker-max-reloads;mworker-prealloc;set-dumpable;insecure-setuid-wanted;debug;expose-deprecated-directives;expose-experimental-directives
        force-cfg-parser-pause;stress-level;warn-blocked-traffic-after
        """,
        "It only affects statistics, profiles, traces or the commands that read them.":
            """
        stats-file;shm-stats-file;shm-stats-file-max-objects;profiling.memory;profiling.tasks;stats bind-process
        stats calculate-max-counters;anonkey;guid;guid-prefix;id;label;filter trace
        """,
        "It only affects log lines and mails.":
            "log-send-hostname;log-format;log-format-sd;error-log-format;unique-id-format;log-profile;log-steps;email-alert;log-proto",
        "Only expressions read the variable, and each keyword with an expression is refused or has its own error.": "set-var;set-var-fmt",
        "HAProxy keeps the listeners open for this time after a soft stop. 'drain' of a probe does the same.": "grace",
        "A path admits only accounts of this host, so fewer clients than a network address.": "stats socket accept-proxy",
        "It changes when a connection is set up or closed at TCP level, not between which hosts.": "defer-accept;tcp-ss;nbconn",
        "The header lacks only details of TLS, which the clear text connection does not have either.": "send-proxy-v2-ssl;send-proxy-v2-ssl-cn",
        "It cancels an option that is refused, or that the advice cancels.": "no-send-proxy-v2-ssl;no-send-proxy-v2-ssl-cn",
        "HAProxy refuses the line as well.":
            """
        redir;use-fcgi-app;defaults capture cookie;defaults capture request;defaults capture response;defaults declare;defaults monitor fail
        defaults monitor;defaults redirect;defaults stats admin;defaults stats http-request;defaults http-request;defaults http-response
        defaults http-after-response;defaults filter;defaults filter cache;defaults filter compression;defaults filter fcgi-app;defaults filter trace
        defaults dispatch;defaults force-persist;defaults ignore-persist
        """,
        "A 'server' line with the same address takes the same sessions.": "dispatch",
        "It only affects how long names and unused objects are kept.": "resolve_pool_purge_delay",
        "It selects which library resolves names; the hosts file and the nameservers are the same.": "nogetaddrinfo",
        "It protects the exchange of stick tables and QUIC, which are refused.": "cluster-secret",
    ]

    private static let justified = justifications.map { ForeignKeywords(.removeLine, $0.value) }

    /// Every group of refused keywords, with its place.
    private static let groups = Configuration.places.flatMap { place in place.foreignKeywords.map { (place: place.name, group: $0) } }

    @Test("is given only for keywords with a justification, and no other keyword is accepted without an effect")
    func everyHarmlessKeywordIsJustified() {
        for (place, group) in Self.groups {
            switch group.reason {
            case .harmless, .ignored: break
            default: continue
            }
            let missing = group.names.filter { name in !Self.justified.contains { $0.contains(name) || $0.contains("\(place) \(name)") } }.sorted()
            #expect(missing.isEmpty, "\(place): justify why these may be left out, or keep HAProxy for them: \(missing)")
        }
    }

    @Test("is never given for keywords that decide who is served: the advice is to keep HAProxy")
    func decisiveKeywordsKeepHAProxy() {
        for (place, group) in Self.groups {
            for name in group.names {
                let problem = group.reason.problem(with: name, extent: "this proxy")
                switch group.reason {
                case .decisive:
                    #expect(problem.advice.hasPrefix("keep HAProxy for this proxy, since "), "\(name) of \(place): \(problem.advice)")
                    #expect(!ConfigurationForeignAdviceTests.mayLeaveOut(problem.advice), "\(name) of \(place): \(problem.advice)")
                case .encryption: #expect(problem.keepsHAProxy, "\(name) of \(place): \(problem.advice)")
                case .http: #expect(problem.advice.contains("HAProxy ignores it in 'mode tcp' as well"), "\(name) of \(place): \(problem.advice)")
                default: break
                }
            }
        }
    }

    @Test("replaces a keyword that HAProxy has removed: the real haproxy refuses or ignores the line", .enabled(if: access(haproxy, X_OK) == 0, "no haproxy"))
    func removedKeywordsAreOld() throws {
        let path = "/tmp/tsukada-removed-\(getpid())-\(UInt32.random(in: 0 ... .max)).cfg"
        defer { remove(path) }
        for (place, group) in Self.groups {
            guard case .removed = group.reason, place != "defaults" else { continue }
            for name in group.names {
                let section = place == "global" ? "global" : "\(place) p"
                let file = try #require(fopen(path, "w"))
                fputs("\(section)\n \(name) 2\nlisten l\n bind 127.0.0.1:9\n", file)
                fclose(file)
                let (status, output) = try ChildProcess.run([haproxy, "-c", "-f", path])
                #expect(status != 0 || output.contains("has no effect"), "\(name) in \(place): \(output)")
            }
        }
    }

    @Test(
        "is not given for the balance algorithms of HAProxy that tsukada lacks",
        arguments: ["uri", "url_param", "hdr(host)", "hash", "rdp-cookie", "sticky"])
    func balanceKeepsHAProxy(word: String) throws {
        let problem = try #require(BalanceKeywords.problem(withForeign: word))
        #expect(problem.keepsHAProxy && !ConfigurationForeignAdviceTests.mayLeaveOut(problem.advice))
    }

    @Test("on a line that HAProxy ignores begins with this fact, because moving the line would change its effect")
    func ignoredLineStaysIgnored() {
        for (section, line) in [("frontend a", "balance source"), ("backend a", "bind :1"), ("frontend a", "retries 2")] {
            let advice = Configuration.read("\(section)\n \(line)\n").diagnostics.first?.problem.advice
            #expect(advice?.hasPrefix("HAProxy ignores it here as well: remove it, or move it to ") == true, "\(line): \(advice ?? "")")
        }
    }

    @Test("is not given for a port without servers, which may have served a statistics page")
    func emptyProxy() {
        let advice = ConfigurationAdvice(Configuration.read("listen stats\n bind :1\n timeout client 1s\n").configuration).diagnostics
        #expect(advice.contains { $0.problem.keepsHAProxy && $0.problem.what.contains("has no servers") }, "\(advice)")
    }
}
