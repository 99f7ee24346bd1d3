import Proxy
import Wire

/// A name to resolve, and the preferred family.
struct NameQuestion: Hashable, Comparable, Sendable {
    /// The preferred family.
    let family: AddressFamily
    /// The name.
    let name: String

    static func < (left: NameQuestion, right: NameQuestion) -> Bool { ("\(left.family)", left.name) < ("\(right.family)", right.name) }
}
