using Gallery.Sql.Database;

namespace Gallery.Tests.Settings;

/// <summary>What a line of <c>.env</c> may be. That the working directory's is read, and that the environment wins: ServiceProcessTests.</summary>
public sealed class DotEnvTests
{
    [Theory]
    [InlineData("NAME=value", "value")]
    [InlineData("NAME = value \r\n", "value")]
    [InlineData("\uFEFFNAME=value", "value")]
    [InlineData("export NAME=value", "value")]
    [InlineData("# a comment\n\n  NAME=value # another", "value")]
    [InlineData("NAME=a\"b\nOTHER=c", "a\"b")]
    [InlineData("NAME='first\nlast' # another\nOTHER=c", "first\nlast")]
    [InlineData("NAME=\"a\\\"b\"\nOTHER=c", "a\"b")]
    [InlineData("NAME=", "")]
    [InlineData("NAME=a=b==", "a=b==")]
    [InlineData("NAME=ab#cd", "ab#cd")]
    [InlineData("NAME='ab #cd' # another", "ab #cd")]
    [InlineData("NAME=\"it's\"", "it's")]
    [InlineData("NAME=a$B${C}", "a$B${C}")]
    [InlineData("NAME=[YOUR-PASSWORD]", "[YOUR-PASSWORD]")]
    public void A_line_is_a_setting(string text, string value) => Assert.Equal(value, Read(text)["NAME"]);

    [Theory]
    [InlineData("this is no setting")]
    [InlineData("=x")]
    [InlineData("PASSWORD: hunter2")]
    [InlineData("1A=b")]
    public void A_line_that_would_be_passed_over_is_named_by_its_number_alone(string line)
    {
        var refusal = Assert.Throws<SettingsException>(() => Read($"A=b\n# comment\n\n{line}\nC=d"));

        Assert.Contains("line 4", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("NAME=hunter2\n\nNAME=two", 1, 3)]
    [InlineData("# a comment\nNAME=one\nexport NAME=hunter2", 2, 3)]
    [InlineData("NAME=hunter2\nName=two", 1, 2)]
    [InlineData("A=\"first\nlast\"\nNAME=a\"b\nNAME=two", 3, 4)]
    public void A_name_given_twice_is_an_error_that_names_both_lines(string text, int first, int second)
    {
        var message = Assert.Throws<SettingsException>(() => Read(text)).Message;

        Assert.Contains($"on line {first} and on line {second}", message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_file_is_the_nearest_one_up_to_the_solution()
    {
        var root = Directory.CreateTempSubdirectory("gallery-").FullName;
        var folder = Directory.CreateDirectory(Path.Combine(root, "checkout", "project", "bin")).FullName;
        File.WriteAllText(Path.Combine(root, ".env"), "");
        Assert.Null(Find(folder));   // without a solution, no folder above is searched

        File.WriteAllText(Path.Combine(root, "checkout", "any.sln"), "");
        Assert.Null(Find(folder));   // and none above the solution
        foreach (var nearer in new[] { Path.Combine(root, "checkout"), Path.Combine(root, "checkout", "project"), folder })
        {
            File.WriteAllText(Path.Combine(nearer, ".env"), "");
            Assert.Equal(Path.Combine(nearer, ".env"), Find(folder));
        }

        Directory.Delete(root, recursive: true);
    }

    [Fact]
    public void A_quoted_value_may_have_several_lines() => Assert.Equal("b", Read("KEY=\"first\nsecond line\nlast\"\nA=b")["A"]);

    [Fact]
    public void A_quote_that_is_not_closed_is_named_without_its_text()
    {
        var message = Assert.Throws<SettingsException>(() => Read("SUPABASE_DB_PASSWORD=\"hunter2\nSUPABASE_DB_HOST=h")).Message;

        Assert.Contains("SUPABASE_DB_PASSWORD", message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", message, StringComparison.Ordinal);
    }

    private static string? Find(string folder) => Gallery.Sql.Database.Settings.FindDotEnv(folder);

    private static Dictionary<string, string> Read(string text)
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, text);
        try
        {
            return Gallery.Sql.Database.Settings.ReadDotEnv(file);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
