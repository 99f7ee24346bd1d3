import Support
import Wire

/// The kind of a target's probes.
struct ProbeSettings: Equatable {
    enum Kind: Equatable {
        /// A successful connect passes.
        case tcp
        /// A 200 answer to `GET path` passes.
        case http(path: String)
    }

    var kind: Kind = .tcp
    /// The probed port; the target's own when nil.
    var port: UInt16?
    var interval: Duration = .seconds(30)
    var timeout: Duration = .seconds(6)
}

/// An error in the arguments.
struct ArgumentError: Error, Equatable, CustomStringConvertible {
    let description: String
}

/// The program's settings.
struct BalancerSettings: Equatable {
    struct Target: Equatable {
        var name: String
        var address: SocketAddress
    }

    var listeners: [SocketAddress] = []
    var targets: [Target] = []
    var probe = ProbeSettings()
    var group = GroupSettings()
    /// A flow without a byte for this time is reset.
    var idleTimeout: Duration = .seconds(350)
    /// `proxy_protocol_v2.enabled`.
    var isProxyProtocolOn = false
    /// `preserve_client_ip.enabled`: connections to targets come from the client's address and port. The return path must lead through this process.
    var isClientAddressKept = false
    /// A UNIX socket for commands; empty for none.
    var controlPath = ""

    /// Reads `--name value` pairs.
    init(_ words: [String]) throws(ArgumentError) {
        var rest = words[...]
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { throw ArgumentError(description: "\(name) needs a value") }
            try set(name, value)
        }
        if listeners.isEmpty || targets.isEmpty { throw ArgumentError(description: "--listen and --target are required") }
        if targets.count > TargetGroup.targetsMax { throw ArgumentError(description: "more than \(TargetGroup.targetsMax) targets") }
        if Set(targets.map(\.name)).count < targets.count { throw ArgumentError(description: "duplicate target name") }
    }

    private mutating func set(_ name: String, _ value: String) throws(ArgumentError) {
        switch name {
        case "--listen": listeners.append(try Self.endpoint(value))
        case "--target":
            let parts = value.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw ArgumentError(description: "--target takes NAME=ADDRESS:PORT, not \(value)") }
            targets.append(Target(name: parts[0], address: try Self.endpoint(parts[1])))
        case "--probe":
            if value == "tcp" {
                probe.kind = .tcp
            } else if value.hasPrefix("http:/") {
                probe.kind = .http(path: String(value.dropFirst("http:".count)))
            } else {
                throw ArgumentError(description: "--probe takes tcp or http:/PATH, not \(value)")
            }
        case "--probe-port": probe.port = UInt16(try Self.number(value, 1...65535))
        case "--interval": probe.interval = try Self.duration(value)
        case "--timeout": probe.timeout = try Self.duration(value)
        case "--healthy": group.thresholds.healthy = try Self.number(value, 1...10)
        case "--unhealthy": group.thresholds.unhealthy = try Self.number(value, 1...10)
        case "--termination": group.isTerminationOn = try Self.isOn(value)
        case "--draining-interval": group.drainingInterval = try Self.duration(value)
        case "--deregistration-delay": group.deregistrationDelay = try Self.duration(value)
        case "--deregistration-termination": group.isDeregistrationTerminationOn = try Self.isOn(value)
        case "--idle-timeout": idleTimeout = try Self.duration(value)
        case "--proxy-v2": isProxyProtocolOn = try Self.isOn(value)
        case "--client-address": isClientAddressKept = try Self.isOn(value)
        case "--control": controlPath = value
        default: throw ArgumentError(description: "unknown argument \(name)")
        }
    }

    static func isOn(_ value: String) throws(ArgumentError) -> Bool {
        switch value {
        case "on": return true
        case "off": return false
        default: throw ArgumentError(description: "expected on or off, not \(value)")
        }
    }

    private static func number(_ value: String, _ range: ClosedRange<Int>) throws(ArgumentError) -> Int {
        guard let number = Int(value), range.contains(number) else {
            throw ArgumentError(description: "expected a number from \(range.lowerBound) to \(range.upperBound), not \(value)")
        }
        return number
    }

    private static func duration(_ value: String) throws(ArgumentError) -> Duration {
        if value.hasSuffix("ms"), let count = Int(value.dropLast(2)), (0...86_400_000).contains(count) { return .milliseconds(count) }
        if value.hasSuffix("s"), let count = Int(value.dropLast(1)), (0...86_400).contains(count) { return .seconds(count) }
        throw ArgumentError(description: "expected a time up to a day, such as 500ms or 2s, not \(value)")
    }

    private static func endpoint(_ value: String) throws(ArgumentError) -> SocketAddress {
        let colon = value.lastIndex(of: ":") ?? value.startIndex
        var host = value[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(host), let port = UInt16(value[colon...].dropFirst()) else {
            throw ArgumentError(description: "expected ADDRESS:PORT, not \(value)")
        }
        return .ip(address, port: port)
    }
}
