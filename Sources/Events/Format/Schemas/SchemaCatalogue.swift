import Foundation
import Synchronization

/// The schemas of a registry by their numbers: what has been asked for once is kept, so that a registry that is away stops only
/// what has never been seen.
package final class SchemaCatalogue: Sendable, Equatable {
    /// Asks the registry for a schema.
    /// - Throws: `SchemaUnavailable`.
    package typealias Fetch = @Sendable (UInt32) throws(SchemaUnavailable) -> SchemaSource

    /// What is known of a schema.
    package enum Lookup {
        case known(MessageSchema)
        /// The registry has no schema of this number, or one that cannot be used. It is asked again after a while.
        case refused(String)
        /// It is being asked for.
        /// - Parameter reason: why that has not succeeded so far.
        case awaited(reason: String?)
    }

    private enum Entry {
        case known(MessageSchema)
        case refused(String, until: ContinuousClock.Instant)
        /// - Parameter pause: before it was asked for again.
        case fetching(reason: String?, pause: Duration)
        case failed(String, until: ContinuousClock.Instant, pause: Duration)
    }

    private let fetch: Fetch
    private let entries = Mutex<[UInt32: Entry]>([:])
    private static let refusedFor = Duration.seconds(60)
    private static let firstPause = Duration.milliseconds(500)
    private static let longestPause = Duration.seconds(30)

    /// A catalogue that knows nothing yet.
    package init(fetch: @escaping Fetch) { self.fetch = fetch }

    /// Equal are the same object.
    package static func == (a: SchemaCatalogue, b: SchemaCatalogue) -> Bool { a === b }

    /// What is known of a schema. What is not is asked for in the background; it never waits.
    package func lookup(_ number: UInt32) -> Lookup {
        let (found, isDue) = entries.withLock { entries -> (Lookup, Bool) in
            switch entries[number] {
            case .known(let schema): return (.known(schema), false)
            case .refused(let reason, let until) where until > .now: return (.refused(reason), false)
            case .fetching(let reason, _): return (.awaited(reason: reason), false)
            case .failed(let reason, let until, _) where until > .now: return (.awaited(reason: reason), false)
            case .failed(let reason, _, _): return (.awaited(reason: reason), true)
            case .refused, nil: return (.awaited(reason: nil), true)
            }
        }
        if isDue { begin(number) }
        return found
    }

    /// The schema of a number; the registry is asked if it is not known.
    /// - Returns: `nil` for one that the registry refuses.
    /// - Throws: `SchemaUnavailable` when the registry gives no answer.
    package func wait(for number: UInt32) throws(SchemaUnavailable) -> MessageSchema? {
        if case .known(let schema) = lookupWithoutAsking(number) { return schema }
        var answer = ask(number)
        if case .failed(_, _, let pause) = answer {
            Thread.sleep(forTimeInterval: pause / .seconds(1))
            answer = ask(number, pausedFor: pause)
        }
        note(answer, of: number)
        switch answer {
        case .known(let schema): return schema
        case .failed(let reason, _, _): throw SchemaUnavailable(reason, isRefusal: false)
        case .refused, .fetching: return nil
        }
    }

    private func lookupWithoutAsking(_ number: UInt32) -> Entry? { entries.withLock { $0[number] } }

    private func begin(_ number: UInt32) {
        let pause = entries.withLock { entries -> Duration? in
            switch entries[number] {
            case .fetching, .known: return nil
            case .failed(let reason, _, let pause):
                entries[number] = .fetching(reason: reason, pause: pause)
                return pause
            case .refused, nil:
                entries[number] = .fetching(reason: nil, pause: .zero)
                return .zero
            }
        }
        guard let pause else { return }
        Thread.detachNewThread { [self] in note(ask(number, pausedFor: pause), of: number) }
    }

    private func ask(_ number: UInt32, pausedFor pause: Duration = .zero) -> Entry {
        do throws(SchemaUnavailable) {
            let source = try fetch(number)
            do throws(SchemaError) {
                return .known(try MessageSchema(source))
            } catch {
                return .refused("schema \(number) of the registry \(error)", until: .now + Self.refusedFor)
            }
        } catch {
            // Just after a producer has registered a schema, another node of the registry may not have it yet.
            if error.isRefusal, pause > .zero { return .refused(error.description, until: .now + Self.refusedFor) }
            let pause = min(max(pause * 2, Self.firstPause), Self.longestPause)
            return .failed(error.description, until: .now + pause, pause: pause)
        }
    }

    /// Notes an answer. What is known stays known, whatever a question that was asked before comes to.
    private func note(_ entry: Entry, of number: UInt32) {
        entries.withLock { entries in
            if case .known = entries[number] { return }
            entries[number] = entry
        }
    }

    // MARK: Keeping

    /// Most schemas that a checkpoint keeps.
    private static let keptLimit = 16

    /// The latest known schemas, in order of their numbers.
    package var latest: [NumberedSchema] {
        let known = entries.withLock { entries in
            entries.compactMap { number, entry in
                if case .known(let schema) = entry {
                    NumberedSchema(number: number, source: schema.source)
                } else {
                    nil
                }
            }
        }
        return known.sorted { $0.number < $1.number }.suffix(Self.keptLimit)
    }

    /// Takes over schemas that were known before, so that what was written by them can be read without the registry.
    package func adopt(_ schemas: [NumberedSchema]) {
        for schema in schemas {
            if case .known = lookupWithoutAsking(schema.number) { continue }
            if let content = try? MessageSchema(schema.source) { note(.known(content), of: schema.number) }
        }
    }
}

/// A registry's schema with its number there.
package struct NumberedSchema: Sendable, Equatable {
    /// The number.
    package let number: UInt32
    /// The schema.
    package let source: SchemaSource

    /// A schema of this number.
    package init(number: UInt32, source: SchemaSource) {
        self.number = number
        self.source = source
    }
}

/// Why a registry has given no schema.
package struct SchemaUnavailable: Error, Sendable, CustomStringConvertible {
    /// What happened, in a sentence that names the registry.
    package let description: String
    /// Whether the registry has answered that there is none: asking again changes nothing.
    package let isRefusal: Bool

    /// An error with a sentence that names the registry.
    package init(_ description: String, isRefusal: Bool) {
        self.description = description
        self.isRefusal = isRefusal
    }
}
