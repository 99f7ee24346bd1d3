import Proxy
import Wire

/// A name as it was asked for.
struct NameQuestion: Hashable, Comparable, Sendable {
    /// The family that was preferred.
    let family: AddressFamily
    /// The name.
    let name: String

    static func < (left: NameQuestion, right: NameQuestion) -> Bool { ("\(left.family)", left.name) < ("\(right.family)", right.name) }
}
