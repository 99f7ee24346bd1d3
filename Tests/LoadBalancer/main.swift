// LoadBalancer: replaces AWS's Network Load Balancer in tests and in `deploy/failover-test`. docs/TESTING.md describes its features and limits.
//
//   LoadBalancer --listen ADDRESS:PORT --target NAME=ADDRESS:PORT [--target ...] [--probe tcp|http:/PATH] [--probe-port N] [--interval T] [--timeout T]
//       [--healthy N] [--unhealthy N] [--termination on|off] [--draining-interval T] [--deregistration-delay T] [--deregistration-termination on|off]
//       [--idle-timeout T] [--proxy-v2 on|off] [--client-address on|off] [--control PATH]
//
// Prints a JSON line for each verdict, and ends with its standard input.

import Foundation
import LinuxIO
import Support

func fail(_ reason: String) -> Never {
    FileHandle.standardError.write(Data("LoadBalancer: \(reason)\n".utf8))
    exit(2)
}

do {
    SignalWatch.ignoreBrokenPipes()
    let settings = try BalancerSettings(Array(CommandLine.arguments.dropFirst()))
    let reactor = try Reactor()
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let balancer = try Balancer(settings, reactor: reactor) { event in
        guard let line = try? encoder.encode(event) else { return }
        FileHandle.standardOutput.write(line + Data("\n".utf8))
    }
    try reactor.watch(0, for: .read) { _ in
        // No input is expected but the end of the stream.
        var byte: UInt8 = 0
        if read(0, &byte, 1) == 0 { reactor.stop() }
    }
    FileHandle.standardOutput.write(Data("balancing\n".utf8))
    withExtendedLifetime(balancer) { reactor.run() }
} catch {
    fail("\(error)")
}
