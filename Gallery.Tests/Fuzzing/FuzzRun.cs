using System.Diagnostics;
using System.Globalization;
using CsCheck;

namespace Gallery.Tests.Fuzzing;

/// <summary>
/// Tries cases from a fixed seed, so that every run tries the same ones, and shrinks the first that fails. With CsCheck's
/// <c>Sample</c>, the seed fixes only the first case.
/// </summary>
internal static class FuzzRun
{
    private const string DefaultSeed = "0000Gallery1";
    private static readonly TimeSpan Shrinking = TimeSpan.FromSeconds(10);

    public static string Seed { get; } = Environment.GetEnvironmentVariable("GALLERY_FUZZ_SEED") is { Length: > 0 } seed ? seed : DefaultSeed;

    /// <summary>The number of cases. <c>GALLERY_FUZZ_CASES</c> overrides it.</summary>
    public static int Cases(int cases) =>
        Environment.GetEnvironmentVariable("GALLERY_FUZZ_CASES") is { Length: > 0 } given ? int.Parse(given, CultureInfo.InvariantCulture) : cases;

    /// <param name="findFault">Runs a case. Returns what is wrong, or null.</param>
    /// <param name="describe">Describes a case in a message.</param>
    public static async Task CheckAsync<T>(Gen<T> cases, int count, int atOnce, Func<T, Task<string?>> findFault, Func<T, string> describe)
    {
        Failure<T>? first = null;
        await Parallel.ForEachAsync(Generate(cases, PCG.Parse(Seed)).Take(count), new ParallelOptions { MaxDegreeOfParallelism = atOnce }, async (one, ct) =>
        {
            if (first is null && await TryAsync(one.Case) is { } fault) Interlocked.CompareExchange(ref first, new Failure<T>(one.Case, one.Seed, one.Size, fault), null);
        });
        if (first is null) return;

        var smallest = first;
        var watch = Stopwatch.StartNew();
        // Shrinking uses new cases, because no two cases may share an image.
        foreach (var (smaller, seed, size) in Generate(cases, new PCG(1)).TakeWhile(_ => watch.Elapsed < Shrinking))
            if (Size.IsLessThan(size, smallest.Size) && await TryAsync(smaller) is { } fault) smallest = new Failure<T>(smaller, seed, size, fault);
        Assert.Fail($"{smallest.Fault}\n{describe(smallest.Case)}\nagain: GALLERY_FUZZ_SEED={smallest.Seed} GALLERY_FUZZ_CASES=1 (seed {Seed}, first seen with {first.Seed})");

        async Task<string?> TryAsync(T one)
        {
            try
            {
                return await findFault(one);
            }
            catch (Exception e) when (e is not NotSupportedException)
            {
                return e.ToString();   // no answer, or one that cannot be read
            }
        }
    }

    /// <summary>The cases that a run of so many tries.</summary>
    public static IEnumerable<T> Take<T>(Gen<T> cases, int count) => Generate(cases, PCG.Parse(Seed)).Take(count).Select(one => one.Case);

    private static IEnumerable<(T Case, string Seed, Size Size)> Generate<T>(Gen<T> cases, PCG random)
    {
        while (true)
        {
            var seed = random.ToString();
            yield return (cases.Generate(random, null, out var size), seed, size);
        }
    }

    private sealed record Failure<T>(T Case, string Seed, Size Size, string Fault);
}
