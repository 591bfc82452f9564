import Events
import Settings
import TestSupport
import Testing
import Training

@testable import Worker
@testable import trainer

/// The committed configuration files say what the programs do without them.
@Suite struct ConfigurationFileTests {
    func reader(_ name: String) throws -> ConfigurationReader {
        let path = Checkout.root.appendingPathComponent("config/\(name)").path
        return ConfigurationReader(try ConfigurationTree(files: [path], environment: [:], overrides: []))
    }

    @Test func theTrainersFileSaysTheDefaults() throws {
        let configuration = try TrainerConfiguration(reader("trainer.yaml"))
        #expect(configuration.settings == TrainingSettings())
        #expect(configuration.events == EventFormat())
    }

    @Test func theWorkersFileSaysTheDefaults() throws {
        let settings = try WorkerSettings(reader("worker.yaml"))
        let standard = WorkerSettings()
        #expect(settings.events == standard.events)
        #expect(settings.thresholds == standard.thresholds)
        #expect(
            [settings.inputTopic, settings.outputTopic, settings.featuresTopic ?? "", settings.group, settings.models]
                == [
                    standard.inputTopic, standard.outputTopic, standard.featuresTopic ?? "", standard.group,
                    standard.models,
                ])
        #expect(
            [settings.threads, settings.batchMessages, settings.pollMilliseconds, settings.commitIntervalMilliseconds]
                == [
                    standard.threads, standard.batchMessages, standard.pollMilliseconds,
                    standard.commitIntervalMilliseconds,
                ])
        #expect(settings.explainedFeatures == standard.explainedFeatures)
        #expect(settings.guarantee == standard.guarantee && settings.instance == standard.instance)
        #expect(settings.deadLetterTopic == standard.deadLetterTopic)
        #expect(settings.deadLetterMaxFraction == standard.deadLetterMaxFraction)
        #expect(settings.deadLetterWindow == standard.deadLetterWindow)
        #expect(settings.kafkaProperties.consumer == standard.kafkaProperties.consumer)
        #expect(settings.kafkaProperties.producer == standard.kafkaProperties.producer)
    }
}
