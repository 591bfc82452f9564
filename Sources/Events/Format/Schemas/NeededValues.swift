/// Which values of a message the format asks for: what is not among them need not be read.
///
/// A tree of names. A value is told by its place in it, which goes along while the message is read.
struct NeededValues {
    /// A place that nothing is asked for below.
    static let nothing = -1

    private struct Place {
        var members: [(name: [UInt8], place: Int)] = []
        var element: Int?
        /// Whether everything below is asked for.
        var isWhole = false
    }

    private var places = [Place()]
    /// How many places there are.
    var count: Int { places.count }
    /// The place of the message itself.
    static let root = 0

    /// All values of a message.
    static let everything: NeededValues = {
        var all = NeededValues(EventFormat(), paths: [])
        all.places[root].isWhole = true
        return all
    }()

    init(_ format: EventFormat, paths: [FieldPath]) {
        let content: [Int]
        switch format.envelope {
        case .none: content = [Self.root]
        case .connect:
            _ = whole("schema", of: Self.root)
            content = [member(Array("payload".utf8), addedTo: Self.root)]
        case .cloudevents:
            for name in ["specversion", "data_base64"] as [StaticString] { _ = whole(name, of: Self.root) }
            content = [member(Array("data".utf8), addedTo: Self.root)]
        case .debezium:
            _ = whole("schema", of: Self.root)
            let payload = member(Array("payload".utf8), addedTo: Self.root)
            for root in [Self.root, payload] { _ = whole("op", of: root) }
            content = [Self.root, payload].map { member(Array("after".utf8), addedTo: $0) }
        }
        for root in content {
            for path in paths { add(path, to: root) }
            guard let lines = format.lines else { continue }
            var line = root
            for step in lines.steps { line = place(behind: step, of: line) }
            line = place(behind: .element(0), of: line)
            for path in paths where !path.isFromRoot { add(path, to: line) }
        }
    }

    private mutating func add(_ path: FieldPath, to root: Int) {
        var at = root
        for step in path.steps { at = place(behind: step, of: at) }
        places[at].isWhole = true
    }

    private mutating func whole(_ name: StaticString, of parent: Int) -> Int {
        let place = member(Array("\(name)".utf8), addedTo: parent)
        places[place].isWhole = true
        return place
    }

    private mutating func place(behind step: FieldPath.Step, of parent: Int) -> Int {
        switch step {
        case .member(let name): return member(name, addedTo: parent)
        case .element:
            // All elements are read, or their numbers would not be right.
            if let element = places[parent].element { return element }
            places.append(Place())
            places[parent].element = places.count - 1
            return places.count - 1
        }
    }

    private mutating func member(_ name: [UInt8], addedTo parent: Int) -> Int {
        if let known = places[parent].members.first(where: { $0.name == name }) { return known.place }
        places.append(Place())
        places[parent].members.append((name, places.count - 1))
        return places.count - 1
    }

    /// The place of a member.
    func member(_ name: UnsafeRawBufferPointer, of parent: Int) -> Int {
        if places[parent].isWhole { return parent }
        return places[parent].members.first { name.hasSameBytes(as: $0.name) }?.place ?? Self.nothing
    }

    /// The place of an array's elements.
    func element(of parent: Int) -> Int { places[parent].isWhole ? parent : places[parent].element ?? Self.nothing }
}
