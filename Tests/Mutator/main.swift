// Writes source files with all their mutants: each function once for each change. The number in the environment variable TSUKADA_MUTANT selects one.
//
//     mutator ROOT COPY EXCLUDED PATH...
//
// ROOT/PATH is read and COPY/PATH written. EXCLUDED has a line for each mutant to leave out. The output has a line for each mutant, with tabs between:
//
//     number  path  line  first line in the copy  last one  identity
import Foundation
import SwiftOperators
import SwiftParser
import SwiftSyntax

/// A file with its mutants.
struct Instrumented {
    var text = ""
    /// The lines of `text` that contain each mutant.
    var lines: [Int: ClosedRange<Int>] = [:]
    private var line = 1

    mutating func write(_ part: String) {
        text += part
        line += part.utf8.count { $0 == UInt8(ascii: "\n") }
    }

    /// Writes a unit once for each of its mutants, and once unchanged.
    mutating func write(_ unit: Unit, of source: [UInt8], mutants: [Mutant]) {
        write(" switch activeMutant {\n")
        for mutant in mutants {
            write("case \(mutant.number):\n")
            let first = line
            write(String(decoding: source[unit.range.lowerBound..<mutant.range.lowerBound], as: UTF8.self))
            write(mutant.after)
            write(String(decoding: source[mutant.range.upperBound..<unit.range.upperBound], as: UTF8.self))
            lines[mutant.number] = first...line
            write("\n")
        }
        write("default:\n" + String(decoding: source[unit.range], as: UTF8.self) + "\n}\n")
    }
}

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count >= 4 else { fatalError("usage: mutator ROOT COPY EXCLUDED PATH...") }
let (root, copy) = (arguments[1], arguments[2])
let excluded = Set((try? String(contentsOfFile: arguments[3], encoding: .utf8))?.split(separator: "\n").map(String.init) ?? [])

/// Excluded mutants keep their numbers.
var number = 0
for path in arguments.dropFirst(3) {
    let text = try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)
    let source = Array(text.utf8)
    let tree = OperatorTable.standardOperators.foldAll(Parser.parse(source: text)) { _ in }
    let finder = MutantFinder(path: path, tree: tree)
    finder.walk(tree)
    // Nested functions are part of the outer function's unit.
    let units = finder.units.filter { unit in
        !finder.units.contains { $0.range != unit.range && $0.range.lowerBound <= unit.range.lowerBound && unit.range.upperBound <= $0.range.upperBound }
    }.sorted { $0.range.lowerBound < $1.range.lowerBound }
    var instrumented = Instrumented()
    var written: [Mutant] = []
    var end = 0
    for unit in units {
        var mutants: [Mutant] = []
        for var mutant in finder.mutants where unit.range.lowerBound <= mutant.range.lowerBound && mutant.range.upperBound <= unit.range.upperBound {
            number += 1
            mutant.number = number
            if !excluded.contains(mutant.identity) { mutants.append(mutant) }
        }
        guard !mutants.isEmpty else { continue }
        instrumented.write(String(decoding: source[end..<unit.range.lowerBound], as: UTF8.self))
        instrumented.write(unit, of: source, mutants: mutants)
        end = unit.range.upperBound
        written += mutants
    }
    instrumented.write(String(decoding: source[end...], as: UTF8.self))
    try instrumented.text.write(toFile: "\(copy)/\(path)", atomically: true, encoding: .utf8)
    for mutant in written {
        let lines = instrumented.lines[mutant.number] ?? 0...0
        print(mutant.number, path, mutant.line, lines.lowerBound, lines.upperBound, mutant.identity, separator: "\t")
    }
}
