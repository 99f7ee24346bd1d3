import SwiftSyntax

/// One small change of a source file.
struct Mutant {
    /// What the program is told to be run with this change; from 1.
    var number = 0
    /// The changed file, from the repository's root.
    let path: String
    /// Line and column of the change, from 1.
    let line: Int
    let column: Int
    /// The bytes that are replaced.
    let range: Range<Int>
    /// What stands there now, and what takes its place.
    let before: String
    let after: String

    /// A change is the same change as long as its file is the same.
    var identity: String { "\(path):\(line):\(column) \(before.flattened) -> \(after.flattened)" }
}

/// A piece of the source that is written once for each of its mutants: what stands in a function's braces, or a stored property's initial value.
struct Unit {
    /// Its bytes.
    let range: Range<Int>
    /// An initial value: an expression, not statements.
    let isValue: Bool
}

extension String {
    /// On one line.
    var flattened: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
