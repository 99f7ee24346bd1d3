import Testing

@testable import NodeAgent

@Suite("A command's table")
struct TextTableTests {
    @Test("has aligned columns, and spaces only in the cells of the last column")
    func columns() {
        var table = TextTable("name state reason")
        #expect(table.text == "# name state reason\n")
        table.add(["a", "up", ""])
        table.add(["longer name", "down", "it is not\u{1b} there"])
        #expect(table.text == "# name      state reason\na           up    -\nlonger_name down  it is not<1B> there\n")
        #expect(table.rowsCount == 2 && table.line(at: 0) == "a           up    -\n")
    }

    @Test("can be composed row by row: a row gives no text before the widths are known")
    func rowByRow() {
        let rows = [["a", "up"], ["longer", "down"]]
        #expect(AnswerText(columns: "name state", rows: rows).whole() == "# name state\na      up\nlonger down\n")
        #expect(Array(AlignedLines(columns: "name state", rows)) == ["", "", "# name state\n", "a      up\n", "longer down\n"])
        #expect(Array(AlignedLines(title: "A: 1\n", columns: "name", [["a"]])) == ["", "A: 1\n# name\n", "a\n"])
    }
}
