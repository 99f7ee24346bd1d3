import Glibc
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("Sizes and limits in 'global'")
struct ConfigurationTuningTests {
    private static func global(_ lines: String) -> (settings: GlobalSettings, diagnostics: [Diagnostic]) {
        let (configuration, diagnostics) = Configuration.read("global\n \(lines)\n")
        return (configuration.global, diagnostics)
    }

    @Test("reach the data plane and the checks")
    func reads() {
        let text = """
            spread-checks 5%
             max-spread-checks 15
             tune.bufsize 32k
             tune.maxaccept 7
             tune.rcvbuf.client 64k
             tune.rcvbuf.server 1
             tune.sndbuf.client 2
             tune.sndbuf.server 3
             tune.sndbuf.backend 4
             maxconnrate 100
             maxsessrate 50
             ulimit-n 5000
             fd-hard-limit 6000
            """
        let (settings, diagnostics) = Self.global(text)
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(settings.checkSpread.percent == 5 && settings.checkSpread.startMax == .milliseconds(15))
        let tuning = settings.tuning
        #expect(tuning.bufferBytes == 32_768 && tuning.acceptsPerTurn == 7)
        #expect((tuning.clientBuffers.receive, tuning.clientBuffers.send) == (65_536, 2))
        #expect((tuning.serverBuffers.receive, tuning.serverBuffers.send) == (1, 3))
        #expect(tuning.logSendBytes == 4)
        #expect((tuning.connectionsPerSecond, tuning.sessionsPerSecond, tuning.acceptsPerSecond) == (100, 50, 50))
        #expect((settings.descriptorsWanted, settings.descriptorsMax) == (5_000, 6_000))
    }

    @Test("have HAProxy's meaning of 0 and -1")
    func zeros() {
        let (settings, diagnostics) = Self.global(
            "spread-checks 0\n max-spread-checks 0\n tune.maxaccept 0\n maxconnrate 0\n ulimit-n 0\n tune.rcvbuf.client 0")
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(settings.checkSpread == CheckSpread() && settings.tuning == Tuning() && settings.descriptorsWanted == nil)
        #expect(settings.tuning.acceptsPerSecond == 0)
        #expect(Self.global("tune.maxaccept -1").settings.tuning.acceptsPerTurn == 1_000_000)
        #expect(Self.global("maxconnrate 9").settings.tuning.acceptsPerSecond == 9)
    }

    @Test(
        "have ranges",
        arguments: [
            "spread-checks 51", "spread-checks x", "max-spread-checks -1", "tune.bufsize 1023", "tune.bufsize 17m", "tune.maxaccept -2",
            "tune.sndbuf.client 2g", "maxconnrate -1", "ulimit-n x", "fd-hard-limit 0", "nbproc 2", "nbproc", "quiet x", "zero-warning x", "no quiet",
            "no tune.maxrewrite 5",
        ])
    func refuses(line: String) { #expect(Self.global(line).diagnostics.contains { $0.severity == .alert }, "\(line)") }

    @Test("let 'rise' and 'fall' be as high as in HAProxy")
    func thresholds() {
        let (configuration, diagnostics) = Configuration.read("backend b\n server s 10.0.0.1:1 check rise 2147483647 fall 99999999\n")
        #expect(Configuration.alerts(diagnostics) == [])
        let check = configuration.backends.first?.servers.first?.check
        #expect(check?.rise == 2_147_483_647 && check?.fall == 99_999_999)
        #expect(!Configuration.alerts(Configuration.read("backend b\n server s 10.0.0.1:1 check rise 2147483648\n").diagnostics).isEmpty)
    }

    @Test("of connections are in 'show info'")
    func shown() {
        var process = ProcessStatistics()
        (process.connectionRateLimit, process.sessionRateLimit) = (100, 50)
        let lines = process.text.split(separator: "\n")
        #expect(lines.contains("ConnRateLimit: 100") && lines.contains("SessRateLimit: 50"))
    }

    @Test("divide the descriptors: 'ulimit-n' raises the limit, 'fd-hard-limit' uses less of it")
    func descriptors() throws {
        var needs = Limits.Needs()
        needs.fixed = 20
        let now = try Limits.descriptors()
        let capped = try Limits.plan(wanted: nil, pipesWanted: 16, needs: needs, most: 300)
        #expect(capped.descriptors == 300 && (100...150).contains(capped.sessionsMax))
        #expect(try Limits.plan(wanted: 10, pipesWanted: 16, needs: needs, least: now.soft).descriptors == now.soft)
        #expect(try Limits.plan(wanted: 10, pipesWanted: 16, needs: needs, least: 400, most: 300).descriptors == 400)
        #expect(try Limits.descriptors().soft >= now.soft)
    }

    @Test("'zero-warning' refuses a file with a warning, and no other", arguments: [true, false])
    func zeroWarning(isComplete: Bool) throws {
        let path = "/tmp/tsukada-zero-warning-\(getpid())-\(UInt32.random(in: 0 ... .max)).cfg"
        let timeouts = isComplete ? " timeout connect 1s\n timeout client 1s\n timeout server 1s\n" : ""
        let file = try #require(fopen(path, "w"))
        fputs("global\n zero-warning\n quiet\nlisten l\n bind 127.0.0.1:9\n\(timeouts) server s 127.0.0.1:9\n", file)
        fclose(file)
        defer { remove(path) }
        #expect(Startup.run(arguments: ["-c", "-f", path], environment: [:]) == (isComplete ? 0 : 1))
    }
}

@Suite("Keywords without an effect")
struct ConfigurationIgnoredKeywordTests {
    private static let timeouts = "timeout connect 1s\n timeout client 1s\n timeout server 1s"

    @Test("are listed in one notice for each file, at the first line, each once")
    func onceForEachFile() {
        let first = "global\n noepoll\n cpu-map 1 0\n tune.h2.max-frame-size 5\n noepoll\ndefaults\n mode tcp\nlisten a\n filter trace\n"
        let second = "global\n tune.ssl.cachesize 5\n"
        let reader = ConfigurationReader(environment: [:])
        let diagnostics = reader.read(files: [("a.cfg", Array(first.utf8)), ("b.cfg", Array(second.utf8))]).diagnostics.filter { $0.severity == .notice }
        #expect(
            diagnostics.map(\.description) == [
                "a.cfg:2: 'noepoll', 'cpu-map', 'tune.h2.max-frame-size', 'filter trace' have no effect in section 'global'; "
                    + "tsukada does not need them: the lines may stay",
                "b.cfg:2: 'tune.ssl.cachesize' has no effect in section 'global'; tsukada does not need them: the lines may stay",
            ])
    }

    @Test("are counted beyond the first thirty-two")
    func manyKeywords() {
        let lines = (0..<400).map { " tune.ssl.x\($0) 1\n" }.joined()
        let notice = Configuration.read("global\n" + lines).diagnostics.first
        #expect(notice?.problem.what.hasSuffix("'tune.ssl.x31' and 224 others have no effect") == true, "\(String(describing: notice))")
    }

    @Test("must be HAProxy's: a misspelled one is an error")
    func misspelled() {
        let diagnostics = Configuration.read("global\n tune.bufsiz 16384\n tune.maxpollevent 5\n").diagnostics
        #expect(diagnostics.first?.problem == .unknownKeyword("tune.bufsiz", suggestion: "tune.bufsize"))
        #expect(diagnostics.count == 2 && diagnostics.allSatisfy { $0.severity == .alert })
    }

    @Test("in the file that Debian installs cause no message")
    func debian() {
        let text = """
            global
                log /dev/log    local0
                log /dev/log    local1 notice
                chroot /var/lib/haproxy
                stats socket /run/haproxy/admin.sock mode 660 level admin
                stats timeout 30s
                user haproxy
                group haproxy
                daemon
                ca-base /etc/ssl/certs
                crt-base /etc/ssl/private
                ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256
                ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
                ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
            defaults
                log     global
                mode    http
                option  httplog
                option  dontlognull
                timeout connect 5000
                timeout client  50000
                timeout server  50000
                errorfile 400 /etc/haproxy/errors/400.http
                errorfile 504 /etc/haproxy/errors/504.http
            listen mysql
                mode tcp
                bind :3306
                server s 10.0.0.1:3306 check

            """
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(configuration.frontends.first?.log.sessions == .tcp)
    }

    @Test("in the file that Red Hat installs cause no message")
    func redHat() {
        let text = """
            global
                log         127.0.0.1 local2
                chroot      /var/lib/haproxy
                pidfile     /var/run/haproxy.pid
                maxconn     4000
                user        haproxy
                group       haproxy
                daemon
                stats socket /var/lib/haproxy/stats
                ssl-default-bind-ciphers PROFILE=SYSTEM
                ssl-default-server-ciphers PROFILE=SYSTEM
            defaults
                mode                    http
                log                     global
                option                  httplog
                option                  dontlognull
                option http-server-close
                option forwardfor       except 127.0.0.0/8
                option                  redispatch
                retries                 3
                timeout http-request    10s
                timeout queue           1m
                timeout connect         10s
                timeout client          1m
                timeout server          1m
                timeout http-keep-alive 10s
                timeout check           1s
                maxconn                 3000
            listen mysql
                mode tcp
                bind :3306
                server s 10.0.0.1:3306 check

            """
        #expect(Configuration.read(text).diagnostics.isEmpty)
    }
}
