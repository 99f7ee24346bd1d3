import Glibc
import Testing

/// A file of the package that tests compose. `TSUKADA_UPDATE=1 swift test --filter NAME` writes it instead of comparing it.
struct GeneratedFile {
    /// The path from the package's root.
    let path: String

    /// Compares the file with `lines`, or writes it.
    func expect(_ lines: [String]) throws {
        if getenv("TSUKADA_UPDATE") != nil {
            let file = try #require(fopen("\(Configuration.folder)/../../\(path)", "w"), "cannot write \(path)")
            fputs(lines.joined(separator: "\n") + "\n", file)
            fclose(file)
        }
        let present = (try? Configuration.lines(ofPackageFile: path)) ?? []
        let difference = zip(present + [""], lines + [""]).enumerated().first { $1.0 != $1.1 }
        let place = difference.map { "line \($0.offset + 1): '\($0.element.0)' must be '\($0.element.1)'" } ?? "\(present.count) lines, must be \(lines.count)"
        #expect(present == lines + [""], "\(path): \(place); run the test again with TSUKADA_UPDATE=1, which writes the file")
    }
}
