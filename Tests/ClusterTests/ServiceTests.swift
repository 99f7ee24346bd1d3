// The shipped systemd unit, under a real systemd.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite(
        "A service of systemd", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "the unit is tsukada's"),
        .enabled(if: SystemdMachine.hindrance == nil, Comment(rawValue: SystemdMachine.hindrance ?? "")))
    struct ServiceTests {
        private static let port = 3306

        /// A machine with the shipped units, a configuration, and a server that echoes.
        private func machine() throws -> SystemdMachine {
            let machine = try SystemdMachine()
            do {
                try machine.copy(ProxyProgram.tsukada.path, to: "/usr/sbin/tsukada")
                for unit in ["tsukada.service", "tsukada.socket"] { try machine.copy("\(packageRoot)/deploy/\(unit)", to: "/etc/systemd/system/\(unit)") }
                try machine.demand("sed -i 's/172.20.0.11/127.0.0.1/' /etc/systemd/system/tsukada.socket; mkdir -p /var/lib/haproxy /etc/haproxy /etc/tsukada")
                try machine.write(configuration(), to: "/etc/haproxy/haproxy.cfg")
                try machine.write("probe web\n    bind 127.0.0.1:3307\n    mode http", to: "/etc/tsukada/tsukada.cfg")
                try machine.demand("systemd-run --unit=server --quiet socat TCP-LISTEN:3399,bind=127.0.0.1,fork,reuseaddr EXEC:cat && systemctl daemon-reload")
            } catch {
                machine.end()
                throw error
            }
            return machine
        }

        private func configuration(more: String = "maxconn 1000") -> String {
            """
            global
                user haproxy
                group haproxy
                chroot /var/lib/haproxy
                stats socket /var/lib/haproxy/stats level admin
                \(more)
            defaults
                timeout connect 1s
                timeout client 30s
                timeout server 30s
            listen mysql
                bind 127.0.0.1:\(Self.port)
                server read01 127.0.0.1:3399
            """
        }

        /// Fails unless a session is served.
        private func expectServed(_ machine: SystemdMachine, sourceLocation: SourceLocation = #_sourceLocation) throws {
            let answer = try machine.run("echo hello | socat -t 2 - TCP:127.0.0.1:\(Self.port)")
            #expect(answer.output == "hello\n", sourceLocation: sourceLocation)
        }

        private func worker(_ machine: SystemdMachine) throws -> String {
            try machine.demand("echo show proc | socat -t 5 - UNIX:/run/tsukada.master | awk '$2 == \"worker\" {print $1; exit}'")
                .trimmingCharacters(in: .newlines)
        }

        @Test("is READY when it serves, reloads good files, refuses broken ones, replaces dead workers, and drains when it is stopped")
        func life() throws {
            let machine = try machine()
            defer { machine.end() }
            try machine.demand("systemctl start tsukada", within: 30)
            #expect(try machine.property("ActiveState") == "active")
            #expect(try machine.property("StatusText") == "serving")
            try expectServed(machine)
            let first = try worker(machine)
            let status = try machine.demand("grep -hE 'CapEff|NoNewPrivs|^Seccomp:' /proc/\(first)/task/*/status | sort | uniq")
            #expect(status == "CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n")

            try machine.write(configuration(more: "maxconn 2000"), to: "/etc/haproxy/haproxy.cfg")
            try machine.demand("systemctl reload tsukada")
            try eventually(within: 5, "another worker") { try worker(machine) != first }
            #expect(try machine.property("StatusText") == "serving")
            try expectServed(machine)

            let second = try worker(machine)
            try machine.write(configuration(more: "maxcon 2000"), to: "/etc/haproxy/haproxy.cfg")
            #expect(try machine.run("systemctl reload tsukada").status != 0, "a broken file")
            #expect(try machine.journal().contains("haproxy.cfg:6"), "the journal has the line")
            try machine.demand("systemctl kill --kill-whom=main --signal=USR2 tsukada")
            try eventually(within: 5, "the status") { try machine.property("StatusText").contains("the new one has errors") }
            #expect(try machine.property("ActiveState") == "active")
            #expect(try worker(machine) == second)
            try expectServed(machine)

            try machine.demand("kill -9 \(second)")
            try eventually(within: 5, "another worker") { try ![second, ""].contains(worker(machine)) }
            try expectServed(machine)
            #expect(try machine.property("NRestarts") == "0", "systemd has not restarted it")

            let session = try machine.start(
                "exec 3<>/dev/tcp/127.0.0.1/\(Self.port); echo one >&3; read -r word <&3; echo $word; sleep 2; echo two >&3; read -r word <&3; echo $word")
            try eventually(within: 5, "a session") { session.output == "one\n" }
            try machine.demand("systemctl stop --no-block tsukada")
            try eventually(within: 1, "no new sessions", interval: 20) { try machine.run("echo x | socat -t 1 - TCP:127.0.0.1:\(Self.port)").status != 0 }
            #expect(try machine.property("ActiveState") == "deactivating")
            try session.wait(within: 5)
            #expect(session.output == "one\ntwo\n", "the session continues to its end")
            try eventually(within: 5, "the service to end") { try machine.property("ActiveState") == "inactive" }
            #expect(try machine.property("Result") == "success")
        }

        @Test("is restarted when its master hangs")
        func watchdog() throws {
            let machine = try machine()
            defer { machine.end() }
            try machine.demand("mkdir /etc/systemd/system/tsukada.service.d")
            try machine.write("[Service]\nWatchdogSec=2\nTimeoutAbortSec=1", to: "/etc/systemd/system/tsukada.service.d/quick.conf")
            try machine.demand("systemctl daemon-reload && systemctl start tsukada", within: 30)
            let master = try machine.property("MainPID")
            try holds(for: 3, "the watchdog is notified", interval: 250) { try machine.property("MainPID") == master }
            try machine.demand("kill -STOP \(master)")
            try eventually(within: 15, "another master: \(try machine.journal())") {
                try machine.property("NRestarts") == "1" && machine.property("ActiveState") == "active"
            }
            #expect(try machine.property("MainPID") != master)
            try expectServed(machine)
        }

        @Test("serves on a port that systemd has opened, and is started by the first connection")
        func socketActivation() throws {
            let machine = try machine()
            defer { machine.end() }
            try machine.demand("systemctl start tsukada.socket")
            #expect(try machine.property("ActiveState") == "inactive")
            try expectServed(machine)
            #expect(try machine.property("ActiveState") == "active")
            #expect(try machine.demand("ss -Hltnp 'sport = :\(Self.port)'").split(separator: "\n").count == 1, "only systemd's socket")
            try machine.demand("systemctl restart tsukada", within: 30)
            try expectServed(machine)
            try machine.demand("systemctl stop tsukada", within: 30)
            try expectServed(machine)
        }

        @Test("has a unit without mistakes, and with fewer rights than most")
        func unit() throws {
            let machine = try machine()
            defer { machine.end() }
            let verdict = try machine.run("systemd-analyze verify --man=no tsukada.service tsukada.socket 2>&1 | grep -E 'tsukada\\.(service|socket)'").output
            #expect(verdict.isEmpty, "\(verdict)")
            let score = try machine.demand("systemd-analyze security --offline=true /etc/systemd/system/tsukada.service --no-pager | tail -1")
            print("systemd-analyze security: \(score)")
            let exposure = try #require(score.split(separator: " ").compactMap { Double($0) }.first)
            #expect(exposure < 4)
        }
    }
}
