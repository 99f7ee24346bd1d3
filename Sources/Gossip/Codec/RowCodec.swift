import Wire

extension HandshakeRecord {
    func write(to bytes: inout [UInt8]) {
        bytes.write(random)
        bytes.write(echo)
        bytes.write(highestSession)
    }

    init?(_ reader: inout ByteReader) {
        guard let random = reader.readBytes32(), let echo = reader.readBytes32(), let highest: UInt64 = reader.readBigEndian(),
            highest < GossipLimits.sessionMax
        else { return nil }
        self.init(random: random, echo: echo, highestSession: highest)
    }
}

extension BeatRecord {
    func write(to bytes: inout [UInt8]) {
        bytes.write(words: [tables, configuration, UInt64(keys) << 32 | UInt64(keysSeen), receivedThrough])
        bytes.write(silence)
        bytes.append(loss)
    }

    init?(_ reader: inout ByteReader) {
        guard let tables: UInt64 = reader.readBigEndian(), let configuration: UInt64 = reader.readBigEndian(),
            let keys: UInt64 = reader.readBigEndian(), let through: UInt64 = reader.readBigEndian(),
            let silence = reader.readBigEndian(bytes: 2), let loss = reader.readByte()
        else { return nil }
        self.init(
            tables: tables, configuration: configuration, keys: UInt32(truncatingIfNeeded: keys >> 32), keysSeen: UInt32(truncatingIfNeeded: keys),
            receivedThrough: through, silence: UInt16(truncatingIfNeeded: silence), loss: min(loss, 100))
    }
}

extension MemberRow {
    func write(to bytes: inout [UInt8]) {
        bytes.write(node.number)
        bytes.write(session)
        bytes.write(refutations)
        bytes.append(rank.rawValue)
    }

    init?(_ reader: inout ByteReader) {
        guard let node: UInt64 = reader.readBigEndian(), let session: UInt64 = reader.readBigEndian(),
            let refutations: UInt32 = reader.readBigEndian(), let rank = reader.readByte().flatMap(MemberRank.init(rawValue:)),
            (1..<GossipLimits.sessionMax).contains(session)
        else { return nil }
        self.init(node: NodeID(node), session: session, refutations: refutations, rank: rank)
    }
}

extension HealthRow {
    func write(to bytes: inout [UInt8], now: Instant) {
        bytes.write(observer.number)
        bytes.write(session)
        bytes.write(version)
        bytes.write(server.number)
        bytes.append(verdict.rawValue)
        bytes.append(code)
        bytes.write(latency)
        bytes.write(lag)
        bytes.write(weight)
        bytes.write(failures)
        bytes.write(UInt32(clamping: observed.duration(to: now).wholeMilliseconds))
        bytes.writeAddress(address)
        // The first release had no such field.
        if check != 0 { bytes.write(check) }
    }

    init?(_ reader: inout ByteReader, now: Instant) {
        guard let observer: UInt64 = reader.readBigEndian(), let session: UInt64 = reader.readBigEndian(),
            let version: UInt32 = reader.readBigEndian(), let server: UInt64 = reader.readBigEndian(),
            let verdict = reader.readByte().flatMap(HealthVerdict.init(rawValue:)), let code = reader.readByte(),
            let latency: UInt32 = reader.readBigEndian(), let lag: UInt32 = reader.readBigEndian(), let weight: UInt16 = reader.readBigEndian(),
            let failures: UInt16 = reader.readBigEndian(), let age: UInt32 = reader.readBigEndian(), let address = reader.readAddress(),
            (1..<GossipLimits.sessionMax).contains(session), version > 0, weight <= 256, let check: UInt32 = reader.isAtEnd ? 0 : reader.readBigEndian()
        else { return nil }
        self.init(
            observer: NodeID(observer), session: session, version: version, server: ServerID(server), verdict: verdict, code: code,
            latency: latency, lag: lag, weight: weight, failures: failures, observed: now.advanced(by: .milliseconds(-Int64(age))),
            address: address, check: check)
    }
}

extension AdministrativeRow {
    func write(to bytes: inout [UInt8]) {
        bytes.write(server.number)
        bytes.write(stamp.bits)
        bytes.write(origin.number)
        bytes.append(state.rawValue)
        bytes.write(weight ?? .max)
        bytes.write(expiry ?? .max)
    }

    init?(_ reader: inout ByteReader) {
        guard let server: UInt64 = reader.readBigEndian(), let stamp: UInt64 = reader.readBigEndian(), let origin: UInt64 = reader.readBigEndian(),
            let state = reader.readByte().flatMap(AdministrativeState.init(rawValue:)), let weight: UInt16 = reader.readBigEndian(),
            let expiry: UInt64 = reader.readBigEndian(), HybridTime(bits: stamp).milliseconds < GossipLimits.clockMillisecondsMax,
            weight <= 256 || weight == .max
        else { return nil }
        self.init(
            server: ServerID(server), stamp: HybridTime(bits: stamp), origin: NodeID(origin), state: state,
            weight: weight == .max ? nil : weight, expiry: expiry == .max ? nil : expiry)
    }
}

extension LeaseRow {
    func write(to bytes: inout [UInt8], now: Instant) {
        bytes.write(name)
        bytes.write(epoch)
        bytes.write(stamp.bits)
        bytes.write(holder.number)
        bytes.write(version)
        bytes.append(isHeld ? 1 : 0)
        bytes.write(UInt32(clamping: now.duration(to: expiry).wholeMilliseconds))
    }

    init?(_ reader: inout ByteReader, now: Instant) {
        guard let name: UInt64 = reader.readBigEndian(), let epoch: UInt64 = reader.readBigEndian(), let stamp: UInt64 = reader.readBigEndian(),
            let holder: UInt64 = reader.readBigEndian(), let version: UInt32 = reader.readBigEndian(), let held = reader.readByte(),
            let left: UInt32 = reader.readBigEndian(), HybridTime(bits: stamp).milliseconds < GossipLimits.clockMillisecondsMax,
            (1..<GossipLimits.sessionMax).contains(epoch), held <= 1
        else { return nil }
        self.init(
            name: name, epoch: epoch, stamp: HybridTime(bits: stamp), holder: NodeID(holder), version: version, isHeld: held == 1,
            expiry: now.advanced(by: .milliseconds(Int64(left))))
    }
}

extension BallotRow {
    func write(to bytes: inout [UInt8]) {
        bytes.write(node.number)
        bytes.write(session)
        bytes.write(version)
        bytes.write(subject)
        bytes.write(epoch)
        bytes.write(choice)
        bytes.append(isConfirmed ? 1 : 0)
    }

    init?(_ reader: inout ByteReader) {
        guard let node: UInt64 = reader.readBigEndian(), let session: UInt64 = reader.readBigEndian(),
            let version: UInt32 = reader.readBigEndian(), let subject: UInt64 = reader.readBigEndian(), let epoch: UInt64 = reader.readBigEndian(),
            let choice: UInt64 = reader.readBigEndian(), let confirmed = reader.readByte(),
            (1..<GossipLimits.sessionMax).contains(session), version > 0, (1..<GossipLimits.sessionMax).contains(epoch), confirmed <= 1
        else { return nil }
        self.init(
            node: NodeID(node), session: session, version: version, subject: subject, epoch: epoch, choice: choice, isConfirmed: confirmed == 1)
    }
}

extension [UInt8] {
    /// Appends a family byte (0, 4 or 6), 16 bytes of address and 2 of port.
    fileprivate mutating func writeAddress(_ address: SocketAddress?) {
        switch address {
        case .ip(.v4(let bits), let port):
            append(4)
            write(UInt64(0))
            write(UInt64(bits))
            write(port)
        case .ip(.v6(let high, let low), let port):
            append(6)
            write(high)
            write(low)
            write(port)
        case .unix, nil:
            append(0)
            write(UInt64(0))
            write(UInt64(0))
            write(UInt16(0))
        }
    }
}

extension ByteReader {
    /// Returns `nil` when the bytes are invalid, `.some(nil)` for no address.
    fileprivate mutating func readAddress() -> SocketAddress?? {
        guard let family = readByte(), let high: UInt64 = readBigEndian(), let low: UInt64 = readBigEndian(), let port: UInt16 = readBigEndian()
        else { return nil }
        return switch family {
        case 0: .some(nil)
        case 4: .some(.ip(.v4(UInt32(truncatingIfNeeded: low)), port: port))
        case 6: .some(.ip(.v6(high: high, low: low), port: port))
        default: nil
        }
    }
}
