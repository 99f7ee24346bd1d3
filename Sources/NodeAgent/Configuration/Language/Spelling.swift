/// Finds the word that a misspelled one probably means.
enum Spelling {
    static let wordCharactersMax = 64

    /// The candidate with the fewest edits to `word`, the first of equals; otherwise a candidate that begins with `word` and a hyphen; `nil` if none is
    /// similar.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        guard word.utf8.count <= wordCharactersMax else { return nil }
        let editsMax = max(1, word.utf8.count / 3)
        var best: (candidate: String, edits: Int)?
        for candidate in candidates where abs(candidate.utf8.count - word.utf8.count) <= editsMax {
            let edits = distance(Array(word.utf8), Array(candidate.utf8))
            if edits <= editsMax, edits < best?.edits ?? .max { best = (candidate, edits) }
        }
        return best?.candidate ?? candidates.first { $0.hasPrefix("\(word)-") }
    }

    /// The number of insertions, deletions, replacements and swaps of neighbours that turn `left` into `right`.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let isSame = left[row] == right[column]
                var edits = min(last[column] + (isSame ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    edits = min(edits, beforeLast[column - 1] + 1)
                }
                current.append(edits)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
