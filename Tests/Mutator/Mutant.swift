import SwiftSyntax

/// One small change of a source file.
struct Mutant {
    /// The number that selects this change at run time; from 1.
    var number = 0
    /// The changed file, from the repository's root.
    let path: String
    /// Line and column of the change, from 1.
    let line: Int
    let column: Int
    /// The bytes that are replaced.
    let range: Range<Int>
    /// The replaced text and its replacement.
    let before: String
    let after: String

    /// The identity of the change, stable while its file is the same.
    var identity: String { "\(path):\(line):\(column) \(before.flattened) -> \(after.flattened)" }
}

/// A piece of the source that is written once for each of its mutants: a function's body, or a stored property's initial value.
struct Unit {
    /// Its bytes.
    let range: Range<Int>
    /// An initial value: an expression, not statements.
    let isValue: Bool
}

extension String {
    /// The text on one line.
    var flattened: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
