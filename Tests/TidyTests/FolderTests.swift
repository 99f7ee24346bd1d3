import Foundation
import Testing

/// A row of the table of folders in docs/ARCHITECTURE.md.
private struct FolderRow {
    /// The path from the repository's root.
    let path: String
    /// The modules that the folder's files import.
    let imports: Set<Substring>
    /// Folders of the same module whose types the folder uses, by their paths inside the module.
    let uses: Set<Substring>

    /// "Proxy" of "Sources/Proxy/Checks".
    var module: Substring { path.split(separator: "/").dropFirst().first ?? "" }
    /// "Checks" of "Sources/Proxy/Checks"; empty for a whole module.
    var name: Substring { path.split(separator: "/", maxSplits: 2).dropFirst(2).first ?? "" }

    /// The row in `line`: | `Sources/Proxy/Checks` | text | imports | uses |
    init?(_ line: String) {
        let cells = line.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
        guard cells.count == 6, cells[1].hasPrefix("`Sources/"), cells[1].hasSuffix("`") else { return nil }
        path = String(cells[1].dropFirst().dropLast())
        (imports, uses) = (Self.list(cells[3]), Self.list(cells[4]))
    }

    private static func list(_ cell: String) -> Set<Substring> {
        Set(cell.split(separator: ",").map { Substring($0.trimmingCharacters(in: .whitespaces)) })
    }
}

@Suite("The folders that docs/ARCHITECTURE.md lists")
struct FolderTests {
    private let rows: [FolderRow]
    private let files: [SourceTree.File]

    init() {
        rows = SourceTree.file("docs/ARCHITECTURE.md")?.lines.compactMap(FolderRow.init) ?? []
        files = SourceTree.files(in: "Sources", ending: ".swift")
    }

    /// The index of a file's row: the longest matching path.
    private func row(of file: SourceTree.File) -> Int? {
        rows.indices.filter { file.path.hasPrefix(rows[$0].path + "/") }.max { rows[$0].path.count < rows[$1].path.count }
    }

    @Test("are all folders, and each exists")
    func listIsComplete() {
        #expect(rows.count > 20)
        for file in files { #expect(row(of: file) != nil, "\(file.path): its folder has no row") }
        for each in rows {
            #expect(FileManager.default.fileExists(atPath: SourceTree.root.appendingPathComponent(each.path).path), "\(each.path): no such folder")
        }
    }

    @Test("import exactly the listed modules, and Synchronization")
    func importsAreListed() {
        var found: [Set<Substring>] = Array(repeating: [], count: rows.count)
        for file in files {
            guard let index = row(of: file) else { continue }
            found[index].formUnion(file.lines.filter { $0.hasPrefix("import ") }.map { Substring($0.dropFirst("import ".count)) })
        }
        for (each, imports) in zip(rows, found) {
            let difference = imports.subtracting(["Synchronization"]).symmetricDifference(each.imports).sorted()
            #expect(difference.isEmpty, "\(each.path): imported but not listed, or listed but not imported: \(difference)")
        }
    }

    @Test("use types of the listed folders only, which must come before them in the list")
    func usesAreListed() {
        let names = files.map { SwiftNames($0.text) }
        /// By module and type: the row that declares it.
        var declaring: [Substring: [Substring: Int]] = [:]
        for (file, names) in zip(files, names) {
            guard let index = row(of: file) else { continue }
            for type in names.declared {
                let other = declaring[rows[index].module, default: [:]].updateValue(index, forKey: type)
                #expect(other == nil || other == index, "\(file.path): another folder of the module also declares \(type)")
            }
        }
        var found: [[Int: [String]]] = Array(repeating: [:], count: rows.count)
        for (file, names) in zip(files, names) {
            guard let index = row(of: file) else { continue }
            for type in names.used.sorted() {
                guard let used = declaring[rows[index].module]?[type], used != index else { continue }
                found[index][used, default: []].append("\(type) in \(file.path)")
            }
        }
        for (index, each) in rows.enumerated() {
            for (used, places) in found[index].sorted(by: { $0.key < $1.key }) {
                #expect(each.uses.contains(rows[used].name), "\(each.path) uses \(rows[used].name): \(places.prefix(3).joined(separator: ", "))")
                #expect(used < index, "\(each.path) uses \(rows[used].name), which comes after it in the table: \(places.prefix(3).joined(separator: ", "))")
            }
            for name in each.uses.sorted() {
                #expect(found[index].keys.contains { rows[$0].name == name }, "\(each.path) does not use \(name)")
            }
        }
    }
}

@Suite("Names in a Swift source")
struct SwiftNamesTests {
    @Test("include names in code, but not in comments and strings")
    func namesInCode() {
        let names = SwiftNames(
            """
            /// A Comment.
            package final class Outer: Base { // Trailing
                struct Inner {}
                let text = "Literal \\(Interpolated(Nested("Deep \\(Deepest.self)"))) Rest"
                let raw = #"Raw \\(Outside) \\#(Inside.self) Rest"#
            }
            private struct Hidden {}
            extension Other { }
            @frozen enum Choice { case Left }
            """)
        #expect(names.declared == ["Outer", "Choice"])
        #expect(names.used == ["Outer", "Base", "Inner", "Interpolated", "Nested", "Deepest", "Inside", "Hidden", "Other", "Choice", "Left"])
    }
}
