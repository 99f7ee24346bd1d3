import Wire

/// A 64-bit hash that, unlike Swift's `Hasher`, is the same on every node. It detects differences and gives no protection against a malicious node.
struct Fingerprint: Sendable {
    private(set) var value: UInt64

    init(_ kind: UInt64) { value = Fingerprint.mix(kind) }

    func adding(_ word: UInt64) -> Fingerprint {
        var sum = self
        sum.value = Fingerprint.mix(value ^ word)
        return sum
    }

    private static func mix(_ word: UInt64) -> UInt64 {
        var generator = SplitMix64(seed: word)
        return generator.next()
    }
}

extension MemberRow {
    var fingerprint: Fingerprint { Fingerprint(11).adding(node.number).adding(session).adding(UInt64(refutations) << 8 | UInt64(rank.rawValue)) }
}

extension HealthRow {
    /// Key, session and version identify the content, because only the observer writes the row.
    var fingerprint: Fingerprint { Fingerprint(12).adding(observer.number).adding(server.number).adding(session).adding(UInt64(version)) }
}

extension AdministrativeRow {
    var fingerprint: Fingerprint {
        Fingerprint(13).adding(server.number).adding(stamp.bits).adding(origin.number).adding(expiry ?? .max)
            .adding(UInt64(state.rawValue) << 16 | UInt64(weight ?? .max))
    }
}

extension LeaseRow {
    var fingerprint: Fingerprint {
        Fingerprint(14).adding(name).adding(epoch).adding(stamp.bits).adding(holder.number).adding(UInt64(version) << 1 | (isHeld ? 1 : 0))
    }
}

extension BallotRow {
    /// Key, session and version identify the content, because only the node writes the row.
    var fingerprint: Fingerprint { Fingerprint(15).adding(node.number).adding(subject).adding(session).adding(UInt64(version)) }
}
